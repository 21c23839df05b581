"""In a cell of the matrix a TRL that cannot be imported ends the run at once; elsewhere its tests skip."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from downstream_runs import Downstream

from rldk_trl.cell_protocol import CHECK_VARIABLE, IMPORT_FAILED, read_import_failure

TEST = "def test_plain(): pass"


def test_broken_release_in_a_cell(
    downstream: Downstream,
    trl_folder: Callable[[str], Path],
    spread: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(CHECK_VARIABLE, "1")
    # Broken for real: the wheel is there, what it depends on is not.
    result = downstream.run(TEST, *spread, trl=trl_folder("0.25.1"))
    assert result.ret == IMPORT_FAILED
    failure = read_import_failure("\n".join([*result.outlines, *result.errlines]))
    assert failure is not None
    assert failure.startswith("ModuleNotFoundError: No module named ")


@pytest.mark.parametrize(("asked", "version"), [("", "0.25.1"), ("1", "1.13.0")])
def test_not_asked_or_no_ppo(
    downstream: Downstream,
    trl_folder: Callable[[str], Path],
    monkeypatch: pytest.MonkeyPatch,
    asked: str,
    version: str,
) -> None:
    monkeypatch.setenv(CHECK_VARIABLE, asked)
    downstream.run(TEST, trl=trl_folder(version)).assert_outcomes(passed=1)


def test_programs_that_tests_start_are_not_asked_again(
    downstream: Downstream, trl_folder: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CHECK_VARIABLE, "1")
    source = f"import os\ndef test_it(): assert {CHECK_VARIABLE!r} not in os.environ"
    downstream.run(source, trl=trl_folder("1.13.0")).assert_outcomes(passed=1)


def test_only_our_line_is_read() -> None:
    assert read_import_failure("Exit: something else\n") is None
    line = "Exit: rldk-trl: PPO cannot be imported: ImportError: cannot import name 'x'\n"
    assert read_import_failure(f"before\n{line}after\n") == "ImportError: cannot import name 'x'"
