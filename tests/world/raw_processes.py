"""Programs on TRL alone that fail on several processes: one for each entry of the catalogue with a world."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1] / "cell"))
from raw_program import RawTRL
from raw_registry import STEP, TRAIN


class RawProgram(NamedTuple):
    """A program, and the releases on which it can be written."""

    where: str
    run: Callable[[RawTRL], Any]


PROGRAMS: dict[str, RawProgram] = {}

# What create_ppo_trainer fixes, by the test that shows it: test_saves.py, and the parts of test_training_parts.py.
FIXED_SAVES = ("policy-of-ddp-at-save", "config-of-ddp-in-the-model-card", "tied-weights-in-safetensors")
FIXED_PARTS = {
    "PEFT without a reference model": "policy-of-ddp-without-reference",
    "a frozen reference model": "ddp-without-parameters-to-train",
}


def program(failure: str, where: str) -> Callable[[Any], Any]:
    """What the decorated function does in each process is the program."""

    def register(run: Callable[[RawTRL], Any]) -> Callable[[RawTRL], Any]:
        PROGRAMS[failure] = RawProgram(where, run)
        return run

    return register


def trained(raw: RawTRL, **changes: Any) -> Any:
    """One update of two prompts in each of two processes."""
    config = raw.train_config(total_episodes=4)
    return raw.train(config=config, train_dataset=raw.prompts(2), **changes)


@program("policy-of-ddp-at-save", TRAIN)
def saves_the_policy(raw: RawTRL) -> None:
    trained(raw).save_model(str(raw.output_dir / "policy"))


@program("config-of-ddp-in-the-model-card", ">=0.12,<1.13")
def writes_a_model_card(raw: RawTRL) -> None:
    trained(raw).create_model_card(model_name="tiny")


PROGRAMS["tied-weights-in-safetensors"] = PROGRAMS["policy-of-ddp-at-save"]


@program("policy-of-ddp-without-reference", TRAIN)
def trains_an_adapter_without_a_reference(raw: RawTRL) -> None:
    if raw.is_in(">=0.13"):
        trained(raw, peft_config=raw.lora(), ref_model=None)
        return
    from peft import get_peft_model  # before, a reference model must be given

    trained(raw, model=get_peft_model(raw.policy(), raw.lora()))


@program("ddp-without-parameters-to-train", STEP)
def makes_no_reference_model(raw: RawTRL) -> None:
    raw.step_trainer(ref_model=None, train_dataset=raw.prompts())  # without one, 0.2.0-0.4.x fails in its own warning
