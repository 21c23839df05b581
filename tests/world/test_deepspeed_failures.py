"""The catalogue's failures under DeepSpeed: met on TRL alone exactly where the catalogue says."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from packaging.version import Version
from raw_deepspeed import PROGRAMS, RawTRL

from rldk.integrations.trl.advice.failures import explain_failure, failure, failures

_WORLD = os.environ.get("RLDK_TRL_WORLD", "")

pytestmark = pytest.mark.trl_ppo


def test_every_entry_of_the_worlds_is_met_by_a_program():
    assert PROGRAMS.keys() == {entry.id for entry in failures() if entry.world in ("zero2", "zero3")}


def ended(setup: Any, name: str, version: Version, model_name: Path) -> None:
    raw = RawTRL(version, model_name, setup.output_dir)
    with raw.workarounds():
        PROGRAMS[name].run(raw)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.trl(program.where, reason="elsewhere it cannot be written"))
        for name, program in PROGRAMS.items()
        if failure(name).world == _WORLD
    ],
)
def test_it_happens_exactly_where_the_catalogue_says(name, ppo_processes, version, tiny_gpt2, measure):
    entry, text = failure(name), ""
    try:
        ppo_processes(2, timeout_s=600.0, save_strategy="no").run(ended, name, version, tiny_gpt2)
    except Exception as error:
        text = str(error.__cause__)
    if entry.happens_on():
        assert entry.matches(text), f"it ended with {text or 'success'}"
        assert entry in explain_failure(text)
        measure("failures", name, "reproduced")
    else:
        assert not entry.matches(text)
        measure("failures", name, "absent")
