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


def test_the_config_s_own_fields(row):
    """TRL's own fields; those of transformers' TrainingArguments are not in TRL's wheel."""
    from rldk.integrations.trl.releases.generations import installed_generation

    prefix = "config PPOConfig "
    read = {name.removeprefix(prefix) for name in names(prefix) if fact(row.version, name) is not None}
    config = installed_generation().config
    assert read
    assert read <= set(inspect.signature(config).parameters) | set(getattr(config, "__dataclass_fields__", {}))
