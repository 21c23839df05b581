"""The catalogue's failures of several processes: met on TRL alone exactly where the catalogue says."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from packaging.version import Version
from raw_deepspeed import PROGRAMS  # those of raw_processes too
from raw_processes import FIXED_PARTS, FIXED_SAVES, RawTRL

from rldk.integrations.trl.advice.failures import explain_failure, failure, failures
from rldk_trl.cell_protocol import WORLD_VARIABLE
from rldk_trl.processes.reports import RanksHungError

pytestmark = pytest.mark.trl_ppo

NEEDS_PEFT = {"policy-of-ddp-without-reference"}
WORLD = os.environ.get(WORLD_VARIABLE, "ddp")
# DeepSpeed's first imports take long.
OPTIONS: dict[str, Any] = {} if WORLD == "ddp" else {"timeout_s": 600.0, "save_strategy": "no"}


def test_every_entry_of_a_world_is_met_by_a_program():
    assert PROGRAMS.keys() == {entry.id for entry in failures() if entry.world is not None}
    fixed = {entry.id for entry in failures() if entry.world == "ddp" and entry.fixed_by == "create_ppo_trainer"}
    assert {*FIXED_SAVES, *FIXED_PARTS.values()} == fixed


def ended(setup: Any, name: str, version: Version, model_name: Path) -> None:
    raw = RawTRL(version, model_name, setup.output_dir)
    with raw.workarounds():
        PROGRAMS[name].run(raw)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(
            name,
            marks=[
                pytest.mark.trl(program.where, reason="elsewhere it cannot be written"),
                *([pytest.mark.trl_requires("peft")] if name in NEEDS_PEFT else []),
            ],
        )
        for name, program in PROGRAMS.items()
        if failure(name).world == WORLD
    ],
)
def test_it_happens_exactly_where_the_catalogue_says(name, ppo_processes, version, tiny_gpt2, measure):
    entry, text = failure(name), ""
    try:
        ppo_processes(2, **OPTIONS).run(ended, name, version, tiny_gpt2)
    except RanksHungError:
        raise
    except Exception as error:
        text = str(error.__cause__)
    if entry.happens_on():
        assert entry.matches(text), f"it ended with {text or 'success'}"
        assert entry in explain_failure(text)
        measure("failures", name, "reproduced")
    else:
        assert not entry.matches(text)
        measure("failures", name, "absent")
