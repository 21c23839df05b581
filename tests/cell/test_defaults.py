"""The defaults of the release's own config, built as TRL's user builds it, and what the library says of them."""

from __future__ import annotations

import os

import pytest
from own_defaults import own_defaults
from wheel_facts import fact

from rldk.integrations.trl.config.defaults import OPTIONS, config_default

pytestmark = [pytest.mark.trl_ppo, pytest.mark.usefixtures("make_ppo_setup")]


@pytest.fixture
def found(tmp_path):
    from rldk.integrations.trl.releases.generations import installed_generation

    return own_defaults(installed_generation().config, str(tmp_path))


def test_the_defaults_are_noted(found, measure):
    """`defaults.json` is made from these notes, so they count where the test below fails on a new release."""
    assert found
    for option, default in found.items():
        measure("defaults", option, repr(default))


def test_the_defaults_are_those_that_the_library_says(version, row, found):
    """Those that TRL's class inherits are transformers', so in lane `today` they may be others."""
    today = os.environ.get("RLDK_TRL_CELL", "").endswith("-today")
    for option in OPTIONS:
        recorded = config_default(option, version)
        if today and fact(row.version, f"config PPOConfig {option}") is None:
            continue
        assert (option in found) == bool(recorded), option
        assert recorded == ((found[option],) if option in found else ()), option
