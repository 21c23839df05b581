"""The catalogue's entries that the library fixes, one by one: what fails on TRL alone trains, and does its work."""

from __future__ import annotations

from typing import Any

import fixed_code  # noqa: F401  # registers its fixes
import fixed_setups  # noqa: F401
import pytest
import raw_code  # noqa: F401  # registers its programs
import raw_loop  # noqa: F401
import raw_setups  # noqa: F401
from fix_registry import FIXES
from raw_program import RawTRL
from raw_registry import PROGRAMS

from rldk.integrations.trl.advice.failures import failure, failures

pytestmark = pytest.mark.trl_ppo

WITH_PEFT = [pytest.mark.trl_requires("peft"), pytest.mark.trl(">=0.4", reason="TRL knows PEFT")]


@pytest.fixture
def raw(version, tiny_gpt2, tmp_path, make_ppo_setup) -> RawTRL:
    return RawTRL(version, tiny_gpt2, tmp_path)


def test_every_entry_that_is_said_to_be_fixed_is_here() -> None:
    assert {name: fix.by for name, fix in FIXES.items()} == {
        entry.id: entry.fixed_by for entry in failures() if entry.fixed_by and entry.world is None
    }


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=WITH_PEFT if name == "peft-config-not-taken" else [])
        for name in FIXES
        if failure(name).happens_on()
    ],
)
def test_it_fails_on_trl_alone_and_not_with_the_library(name: str, raw: RawTRL, measure: Any) -> None:
    text = PROGRAMS[name].traceback(raw)
    assert failure(name).matches(text), f"it ended with {text or 'success'}"
    FIXES[name].check(raw)
    measure("failures", name, "fixed")
