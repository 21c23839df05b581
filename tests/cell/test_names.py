"""What explain says of names and options of other releases is so on this one: each is imported, or is not there."""

from __future__ import annotations

import importlib
import inspect
import random

import pytest

from rldk.integrations.trl.advice.failures import explain_failure
from rldk.integrations.trl.advice.names import OPTION_MISSING, has, known_names
from rldk.integrations.trl.advice.replacements import REPLACEMENTS
from rldk.integrations.trl.config.refusals import option_releases
from rldk.integrations.trl.releases.quiet import third_party_warnings


def imported(module: str, name: str) -> str:
    """The error of ``from module import name``; empty where there is none."""
    try:
        with third_party_warnings():
            exec(f"from {module} import {name}", {})
    except (ImportError, RuntimeError) as error:  # 0.13.0 declares names of files that it does not have
        return f"{type(error).__name__}: {error}"
    return ""


@pytest.mark.trl("<1.14", reason="1.13.0 shows what went with PPO")
def test_each_name_is_where_the_wheels_have_it(version, measure):
    """Elsewhere it may be importable too, where a module imports it for itself; if not, the error is explained."""
    wrong = []
    for name, places in known_names()["names"].items():
        for module, spans in places.items():
            error = imported(module, name)
            if has(version, spans):
                wrong += [error] if error else []
            elif error and not any(one.happens_on() for one in explain_failure(error)):
                wrong.append(f"not explained: {error}")
    assert wrong == []
    measure("features", "names of other releases", "works")


def replaced():
    """For each function that a plain expression replaces: the function's arguments and the expression's value."""
    import torch
    import transformers

    logits, labels = torch.randn(2, 3, 5), torch.randint(5, (2, 3))
    return {
        "logprobs_from_logits": (
            (logits, labels),
            logits.log_softmax(-1).gather(-1, labels.unsqueeze(-1)).squeeze(-1),
        ),
        "entropy_from_logits": ((logits,), torch.distributions.Categorical(logits=logits).entropy()),
        "clip_by_value": ((logits, torch.tensor(-0.5), torch.tensor(0.5)), torch.clamp(logits, -0.5, 0.5)),
    }, transformers


@pytest.mark.trl("<0.14", reason="later releases do not have the functions")
@pytest.mark.trl_ppo
def test_what_replaces_a_function_gives_the_same():
    import torch

    core = importlib.import_module("trl.core")
    values, transformers = replaced()
    for name, (arguments, value) in values.items():
        torch.testing.assert_close(getattr(core, name)(*arguments), value)
        assert name in REPLACEMENTS
    drawn = []
    for set_seed in (core.set_seed, transformers.set_seed) if hasattr(core, "set_seed") else ():
        set_seed(3)
        drawn.append((random.random(), torch.rand(2).tolist()))
    assert drawn[:1] == drawn[1:]
    sampler = core.LengthSampler(2, 5)
    assert {sampler() for _ in range(200)} == set(range(2, 5))


@pytest.mark.trl_ppo
def test_each_option_is_taken_where_the_wheels_have_it(version):
    from rldk.integrations.trl.releases.generations import installed_generation

    taken = inspect.signature(installed_generation().config).parameters
    for option in option_releases():
        text = f"TypeError: PPOConfig.__init__() got an unexpected keyword argument '{option}'"
        for found in explain_failure(text, version):
            if found.id == OPTION_MISSING and found.happens_on():
                assert option not in taken
