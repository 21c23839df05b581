"""What was read of this release's wheel by its syntax trees is what its real classes say."""

from __future__ import annotations

import inspect

import pytest

from rldk_trl.contract.data import load

pytestmark = [pytest.mark.trl_ppo, pytest.mark.usefixtures("make_ppo_setup")]


@pytest.fixture(scope="module")
def contract():
    return load()


def test_the_constructor(contract, row):
    from rldk.integrations.trl.generations import installed_generation

    read = [part.partition("=")[0] for part in contract.at(row.version, "constructor PPOTrainer")]
    parameters = list(inspect.signature(installed_generation().trainer.__init__).parameters)[1:]
    assert read == parameters


def test_the_places(contract, row):
    from rldk.integrations.trl.generations import installed_generation

    generation = installed_generation()
    assert generation.trainer.__module__ in contract.at(row.version, "defined PPOTrainer")
    assert contract.at(row.version, f"exported {generation.module} PPOTrainer") is not None


def test_the_config_s_own_fields(contract, row):
    """TRL's own fields; those of transformers' TrainingArguments are not in TRL's wheel."""
    from rldk.integrations.trl.generations import installed_generation

    prefix = "config PPOConfig "
    read = {name.removeprefix(prefix) for name in contract.names(prefix) if contract.at(row.version, name) is not None}
    config = installed_generation().config
    assert read
    assert read <= set(inspect.signature(config).parameters) | set(getattr(config, "__dataclass_fields__", {}))
