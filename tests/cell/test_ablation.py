"""For each thing that `fix_generation_config` gives a wrapper: who fails without it, on the release's own trainer.

The program is the bug reports' (huggingface/trl#2340, #2718), one wrapper in the place of one model, mended in all
but one thing. What is not needed is taken away all at once, so one training shows it for each.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from packaging.specifiers import SpecifierSet
from packaging.version import Version
from raw_program import RawTRL

from rldk.integrations.trl import fix_generation_config

pytestmark = pytest.mark.trl_ppo

ATTRIBUTES = ("generation_config", "is_gradient_checkpointing", "logits", "base_model_prefix", "backbone", "score")
ROLES = {
    "policy": "model",
    "reference model": "ref_model",
    "value model": "value_model",
    "reward model": "reward_model",
}

# Role -> what the train API (PPOv2Trainer's of 0.9.2-0.11.4 too) reads of it -> the releases that do.
ALWAYS = SpecifierSet(">=0.9.2,<1.13")
NEEDED: dict[str, dict[str, SpecifierSet]] = {
    "policy": {
        "generation_config": ALWAYS,
        "is_gradient_checkpointing": SpecifierSet(">=0.22,<1.13"),
        "logits": ALWAYS,
    },
    "reference model": {"logits": ALWAYS},
    "value model": {"base_model_prefix": ALWAYS, "backbone": ALWAYS, "score": ALWAYS},
    "reward model": {"base_model_prefix": ALWAYS, "backbone": ALWAYS, "score": ALWAYS},
}


def without(wrapper: Any, *attributes: str) -> Any:
    """Take ``attributes`` from a mended wrapper: what is asked for fails as it does on an unmended one."""
    fixed = type(wrapper)
    unmended = fixed.__mro__[2]
    missing = {"transformer" if name == "backbone" else name for name in attributes}

    def lookup(self: Any, name: str) -> Any:
        if name in missing:
            return unmended.__getattr__(self, name)
        return fixed.__getattribute__(self, name)

    def rest(self: Any, name: str) -> Any:
        return (unmended if name in missing else fixed).__getattr__(self, name)

    members: dict[str, Any] = {"__getattribute__": lookup, "__getattr__": rest}
    if "logits" in missing:
        members["forward"] = lambda self, *args, **kwargs: tuple(fixed.forward(self, *args, **kwargs))
    wrapper.__class__ = type(fixed.__name__, (fixed,), members)
    return wrapper


@pytest.fixture
def raw(version, tiny_gpt2, tmp_path, make_ppo_setup) -> Iterator[RawTRL]:
    # make_ppo_setup is asked for what its teardown does: accelerate's and the random state are put back.
    raw = RawTRL(version, tiny_gpt2, tmp_path)
    with raw.workarounds():
        yield raw


def entry(raw: RawTRL, attribute: str, role: str) -> str:
    return f"{attribute} (as {role}{' of PPOv2Trainer' if raw.is_step else ''})"


def needed_by(role: str, version: Version) -> list[str]:
    return [name for name, releases in NEEDED[role].items() if version in releases]


@pytest.mark.trl(">=0.9.2", reason="no train API before")
@pytest.mark.parametrize("role", ROLES)
def test_the_train_api_fails_without(raw, version, role, measure):
    needed = needed_by(role, version)
    for name in needed:
        wrapper = without(fix_generation_config(raw.wrapper(), raw.tokenizer), name)
        with pytest.raises(AttributeError, match=f"'{'transformer' if name == 'backbone' else name}'"):
            raw.train(**{ROLES[role]: wrapper})
        measure("ablation", entry(raw, name, role), "needed")


@pytest.mark.trl(">=0.9.2", reason="no train API before")
def test_the_train_api_trains_without_the_rest(raw, version, measure):
    rest = {role: [name for name in ATTRIBUTES if name not in needed_by(role, version)] for role in ROLES}
    wrappers = {role: fix_generation_config(raw.wrapper(), raw.tokenizer) for role in ROLES}
    trainer = raw.train(**{ROLES[role]: without(wrappers[role], *rest[role]) for role in ROLES})
    assert trainer.state.epoch > 0
    for role, names in rest.items():
        for name in names:
            measure("ablation", entry(raw, name, role), "not needed")


@pytest.mark.trl_ppo("step")
def test_the_step_api_needs_nothing(raw, measure):
    wrapper = raw.wrapper()
    assert not any(hasattr(wrapper, name) for name in (*ATTRIBUTES, "transformer"))
    raw.step(model=wrapper)
    for name in ATTRIBUTES:
        measure("ablation", f"{name} (as policy)", "not needed")
