"""Advice under tests that died of a failure that the catalogue knows; the metadata of TRL are a real wheel's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from downstream_runs import SOURCE as SOURCE_FOLDER
from downstream_runs import Downstream

TITLE = "*= rldk-trl: known TRL failures =*"
NEAR = "*- rldk-trl: known TRL failures -*"
# TRL's own words, raised here: that its classes raise them is shown in each cell of the matrix.
KNOWN = "'AutoModelForCausalLMWithValueHead' object has no attribute 'generation_config'"
OTHER = "'NoneType' object has no attribute 'base_model_prefix'"
SOURCE = f"""
    import pytest

    KNOWN = {KNOWN!r}

    def trl_raises(message):
        exec("raise AttributeError(message)", {{"__name__": "trl.trainer.ppo_trainer", "message": message}})

    def test_good(): pass

    def test_dies(): raise AttributeError(KNOWN)

    @pytest.mark.parametrize("number", [1, 2])
    def test_dies_behind_another(number):
        try:
            raise AttributeError(KNOWN)
        except AttributeError as error:
            raise RuntimeError("training failed") from error

    def test_dies_in_a_group():
        raise ExceptionGroup("some", [ValueError("no"), AttributeError(KNOWN)])

    @pytest.fixture
    def broken(): raise AttributeError(KNOWN)

    def test_setup(broken): pass

    @pytest.fixture
    def breaks_later():
        yield
        raise AttributeError(KNOWN)

    def test_teardown(breaks_later): pass

    def test_inside_trl(): trl_raises({OTHER!r})
"""
NODES = [
    "test_dies",
    "test_dies_behind_another[[]1]",
    "test_dies_behind_another[[]2]",
    "test_dies_in_a_group",
    "test_setup",
    "test_teardown",
]
QUIET = f"""
    import pytest

    KNOWN = {KNOWN!r}

    def test_good(): pass

    @pytest.mark.xfail
    def test_xfail(): raise AttributeError(KNOWN)

    @pytest.mark.trl_xfail(reason="known")
    def test_trl_xfail(): raise AttributeError(KNOWN)

    def test_raises():
        with pytest.raises(AttributeError):
            raise AttributeError(KNOWN)

    def test_skips(): pytest.skip(KNOWN)

    def test_something_else(): assert 1 == 2

    def test_anybody_s_message(): raise AttributeError({OTHER!r})

    def test_cut_off():
        try:
            raise AttributeError(KNOWN)
        except AttributeError:
            raise ValueError("mine") from None
"""


@pytest.fixture
def trl_0_23(trl_folder: Callable[[str], Path]) -> Path:
    return trl_folder("0.23.0")


def advice_lines(*names: str) -> list[str]:
    """The block of the entry that `KNOWN` shows."""
    return [
        TITLE,
        "wrapper-without-generation-config: *",
        "  do:  *fix_generation_config*",
        "  see: https://github.com/huggingface/trl/issues/*",
        *(f"  - test_downstream.py::{name}" for name in names),
    ]


def test_failures_are_grouped(downstream: Downstream, spread: tuple[str, ...], trl_0_23: Path) -> None:
    result = downstream.run(SOURCE, *spread, trl=trl_0_23)
    result.assert_outcomes(passed=2, failed=5, errors=2)
    lines = result.outlines
    start = next(number for number, line in enumerate(lines) if "= rldk-trl: known TRL failures =" in line)
    end = next(number for number, line in enumerate(lines) if "= short test summary info =" in line)
    assert start < end
    section = lines[start + 1 : end]
    tests = [line for line in section if line.startswith("  - ")]
    # Workers finish in any order; serially it is the order of the run.
    assert sorted(tests[:-1]) == sorted(f"  - test_downstream.py::{name.replace('[[]', '[')}" for name in NODES)
    assert tests[-1] == "  - test_downstream.py::test_inside_trl"
    result.stdout.fnmatch_lines(advice_lines())
    result.stdout.fnmatch_lines(["value-model-none: *", "  do:  let create_ppo_trainer *", "  see: *"])
    assert len(section) == 3 + len(NODES) + 3 + 1


def test_also_near_the_traceback(downstream: Downstream, spread: tuple[str, ...], trl_0_23: Path) -> None:
    result = downstream.run(f"def test_dies(): raise AttributeError({KNOWN!r})", *spread, trl=trl_0_23)
    result.stdout.fnmatch_lines(
        ["*= FAILURES =*", "E*AttributeError: *", NEAR, "wrapper-without-generation-config: *", TITLE]
    )


@pytest.mark.parametrize("style", ["no", "line", "native"])
def test_whatever_the_style_of_tracebacks(downstream: Downstream, trl_0_23: Path, style: str) -> None:
    result = downstream.run(f"def test_dies(): raise AttributeError({KNOWN!r})", f"--tb={style}", trl=trl_0_23)
    result.stdout.fnmatch_lines(advice_lines("test_dies"))


def test_error_at_collection(downstream: Downstream, spread: tuple[str, ...], trl_0_23: Path) -> None:
    result = downstream.run(f"raise AttributeError({KNOWN!r})", *spread, trl=trl_0_23)
    assert result.ret in (pytest.ExitCode.INTERRUPTED, pytest.ExitCode.TESTS_FAILED)
    result.stdout.fnmatch_lines([*advice_lines(), "  - test_downstream.py", "*= short test summary info =*"])
    assert result.stdout.str().count("  - test_downstream.py") == 1


def test_import_error_at_collection(
    downstream: Downstream, spread: tuple[str, ...], trl_folder: Callable[[str], Path]
) -> None:
    # The real package: what follows from its files, none of its dependencies is there.
    result = downstream.run("import trl.experimental.ppo", *spread, trl=trl_folder("1.16.0"))
    result.stdout.fnmatch_lines([TITLE, "*: *", "  do:  *trl<1.13*", "  see: *", "  - test_downstream.py"])


def test_a_name_of_another_release(downstream: Downstream, spread: tuple[str, ...], trl_0_23: Path) -> None:
    error = "cannot import name 'set_seed' from 'trl' (trl/__init__.py)"
    result = downstream.run(f"def test_dies(): raise ImportError({error!r})", *spread, trl=trl_0_23)
    result.stdout.fnmatch_lines(
        [
            TITLE,
            "name-of-another-release: only TRL >=0.3.0,<0.14.0 has set_seed in trl",
            "  do:  write transformers.set_seed(seed), or pip install *",
            "  see: *",
            "  - test_downstream.py::test_dies",
        ]
    )


@pytest.mark.parametrize("folder", ["", "sub"])
def test_error_in_a_conftest(downstream: Downstream, trl_0_23: Path, folder: str) -> None:
    place = downstream.pytester.path / folder
    place.mkdir(exist_ok=True)
    (place / "conftest.py").write_text(f"raise AttributeError({KNOWN!r})")
    (place / "test_below.py").write_text("def test_it(): pass")
    downstream.path(trl_0_23, SOURCE_FOLDER)
    result = downstream.pytester.runpytest_subprocess("-p", "rldk_trl", "-p", "no:cacheprovider")
    assert result.ret != pytest.ExitCode.OK
    text = result.stdout.str() + result.stderr.str()
    assert text.count("wrapper-without-generation-config: create the trainer with create_ppo_trainer") == 1


def test_quiet_where_nothing_is_to_be_said(downstream: Downstream, spread: tuple[str, ...], trl_0_23: Path) -> None:
    result = downstream.run(QUIET, *spread, trl=trl_0_23)
    result.assert_outcomes(passed=2, failed=3, xfailed=2, skipped=1)
    result.stdout.no_fnmatch_line("*known TRL failures*")


def test_quiet_on_a_release_where_it_does_not_happen(
    downstream: Downstream, trl_folder: Callable[[str], Path]
) -> None:
    result = downstream.run(SOURCE, trl=trl_folder("0.8.6"))
    result.assert_outcomes(passed=2, failed=5, errors=2)
    result.stdout.no_fnmatch_line("*known TRL failures*")


def test_quiet_without_trl(downstream: Downstream) -> None:
    downstream.run(SOURCE).stdout.no_fnmatch_line("*known TRL failures*")


def test_without_the_plugin(downstream: Downstream) -> None:
    downstream.pytester.makepyfile(test_downstream=SOURCE)
    result = downstream.pytester.runpytest_subprocess("-p", "no:rldk_trl", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=2, failed=5, errors=2)
    result.stdout.no_fnmatch_line("*known TRL failures*")
