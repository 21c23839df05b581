"""The catalogue of failures, entry by entry: met on TRL alone exactly where it says, and found beforehand."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import raw_code  # noqa: F401  # registers its programs
import raw_loop  # noqa: F401
import raw_setups  # noqa: F401
from raw_program import RawTRL
from raw_registry import PROGRAMS, RawProgram

from rldk.integrations.trl import check_trl_compatibility, create_ppo_config
from rldk.integrations.trl.advice.failures import explain_failure, failure, failures
from rldk.integrations.trl.checks.validation import look_at_ppo_setup

# These end in an import, where a cell has only its own packages: see tests/runner/test_import_failures.py.
OF_IMPORTS = {
    "top-k-top-p-filtering",
    "trackio-not-in-transformers",
    "peft-not-declared",
    "pyarrow-wants-numpy-2",
    "pkg-resources-removed",
    "rich-not-declared",
}
# Before there was a trl.experimental.ppo and since it is gone, the message is the same.
SAME_WORDS = {"experimental-ppo-not-there-yet", "ppo-deleted"}
NEEDS_PEFT = {"peft-model-with-peft-config", "parent-directory-missing"}


def programs(condition: Any = lambda program: True) -> list[Any]:
    """One parameter for each program, run on the releases on which it can be written."""
    return [
        pytest.param(
            program,
            id=program.failure,
            marks=[
                pytest.mark.trl(program.where, reason="elsewhere it cannot be written"),
                *([pytest.mark.trl_requires("peft")] if program.failure in NEEDS_PEFT else []),
            ],
        )
        for program in PROGRAMS.values()
        if condition(program)
    ]


@pytest.fixture(scope="module")
def shared_raw(version, tiny_gpt2, tmp_path_factory) -> RawTRL:
    return RawTRL(version, tiny_gpt2, tmp_path_factory.mktemp("raw"))


@pytest.fixture
def raw(shared_raw, request) -> RawTRL:
    if shared_raw.is_in("<1.13"):
        request.getfixturevalue("make_ppo_setup")  # for its teardown: accelerate's and the random state are put back
    return shared_raw


def test_every_entry_is_met_by_a_program():
    assert PROGRAMS.keys() == {entry.id for entry in failures() if entry.in_every_cell} - OF_IMPORTS


@pytest.mark.parametrize("program", programs())
def test_it_happens_exactly_where_the_catalogue_says(program: RawProgram, raw: RawTRL, measure: Any) -> None:
    entry = failure(program.failure)
    text = program.traceback(raw)
    if entry.happens_on():
        assert entry.matches(text), f"it ended with {text or 'success'}"
        assert explain_failure(text)[0].happens_on()
        measure("failures", entry.id, "reproduced")
    else:
        if entry.matches(text):  # then it is another entry's failure, in the same words
            assert entry.id in SAME_WORDS, text
            assert explain_failure(text)[0].happens_on()
        measure("failures", entry.id, "absent")


@pytest.mark.parametrize("program", programs(lambda one: one.advised and failure(one.failure).happens_on()))
def test_it_works_as_the_catalogue_advises_to_write_it(program: RawProgram, raw: RawTRL) -> None:
    assert program.traceback(raw, as_advised=True) == ""


@pytest.mark.parametrize("program", programs(lambda program: program.changes and failure(program.failure).found))
def test_validate_finds_it_where_it_happens_and_nowhere_else(program: RawProgram, raw: RawTRL, measure: Any) -> None:
    found = [finding for finding in look_at_ppo_setup(**program.parts(raw)) if finding.failure == program.failure]
    if failure(program.failure).happens_on():
        assert found
        measure("failures", program.failure, "found")
    else:
        assert not found
        measure("failures", program.failure, "quiet")


def refused_by_create_ppo_config(**option: Any) -> bool:
    try:
        create_ppo_config(**option)
    except TypeError as error:
        return next(iter(option)) in str(error)
    return False


def said_of_the_release(failure_id: str) -> bool:
    return any(failure(failure_id).cause in line for line in check_trl_compatibility()["warnings"])


# Not to be seen in a setup's parts, and told otherwise.
TOLD: dict[str, Callable[[], bool]] = {
    "logging-dir-removed": lambda: refused_by_create_ppo_config(logging_dir="logs"),
    "step-api-options": lambda: refused_by_create_ppo_config(model_name="gpt2"),
    "experimental-ppo-not-there-yet": lambda: check_trl_compatibility()["ppo_module"] == "trl",
    "ppo-deleted": lambda: not check_trl_compatibility()["ppo_available"],
    **{
        name: partial(said_of_the_release, name)
        for name in ("bf16-without-accelerator", "step-api-calls", "imported-from-trl", "checkpoint-with-metrics")
    },
}


def test_what_is_said_to_be_found_is_found_by_one_or_the_other():
    seen = {name for name, program in PROGRAMS.items() if program.changes} | TOLD.keys()
    # tests/world has those of several processes.
    assert {entry.id for entry in failures() if entry.found and entry.world is None} - OF_IMPORTS == {
        name for name in seen if failure(name).found
    }
    assert all(failure(name).found for name in TOLD)


@pytest.mark.parametrize("program", programs(lambda program: program.failure in TOLD))
def test_the_library_tells_it_where_it_happens_and_nowhere_else(program: RawProgram, measure: Any) -> None:
    happens = failure(program.failure).happens_on()
    assert TOLD[program.failure]() is happens
    measure("failures", program.failure, "found" if happens else "quiet")
