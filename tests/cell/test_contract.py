"""What was read of this release's wheel by its syntax trees is what its real classes say."""

from __future__ import annotations

import inspect

import pytest
from wheel_facts import fact, names

pytestmark = [pytest.mark.trl_ppo, pytest.mark.usefixtures("make_ppo_setup")]


def test_the_constructor(row):
    from rldk.integrations.trl.releases.generations import installed_generation

    read = [part.partition("=")[0] for part in fact(row.version, "constructor PPOTrainer")]
    parameters = list(inspect.signature(installed_generation().trainer.__init__).parameters)[1:]
    assert read == parameters


def test_the_places(row):
    from rldk.integrations.trl.releases.generations import installed_generation

    generation = installed_generation()
    assert generation.trainer.__module__ in fact(row.version, "defined PPOTrainer")
    assert fact(row.version, f"exported {generation.module} PPOTrainer") is not None


def own_options(config):
    """What TRL's own classes take; not what they only inherit from transformers' TrainingArguments."""
    own, inherited = set(), set()
    for place in config.__mro__:
        (own if place.__module__.startswith("trl.") else inherited).update(inspect.get_annotations(place))
    # Until TRL 0.4.1 the options are parameters of a constructor written by hand, without fields.
    return {name for name in inspect.signature(config).parameters if name in own or name not in inherited}


def test_the_config_s_own_fields(row):
    """Exactly those that were read: a field that the reader missed would be none of the release's options."""
    from rldk.integrations.trl.releases.generations import installed_generation

    v2 = fact(row.version, "config PPOv2Config kl_coef") is not None
    configs = [installed_generation().config, *([installed_generation("train").config] if v2 else [])]
    assert [config.__name__ for config in configs] == ["PPOConfig", "PPOv2Config"][: len(configs)]
    for config in configs:
        prefix = f"config {config.__name__} "
        read = {name.removeprefix(prefix) for name in names(prefix) if fact(row.version, name) is not None}
        assert read == own_options(config)
        assert read
