"""The release's own default config, built as TRL's user builds it, is what `config_defaults.json` says of it."""

from __future__ import annotations

import os

import pytest
from own_defaults import own_defaults
from wheel_facts import fact

from rldk.integrations.trl.config.defaults import OPTIONS, config_default

pytestmark = [pytest.mark.trl_ppo, pytest.mark.usefixtures("make_ppo_setup")]


def test_the_defaults(version, row, tmp_path, measure):
    """Those that TRL's class inherits are transformers', so in lane `today` they may be others."""
    from rldk.integrations.trl.releases.generations import installed_generation

    found = own_defaults(installed_generation().config, str(tmp_path))
    today = os.environ.get("RLDK_TRL_CELL", "").endswith("-today")
    for option in OPTIONS:
        recorded = config_default(option, version)
        if today and fact(row.version, f"config PPOConfig {option}") is None:
            continue
        assert (option in found) == bool(recorded), option
        assert recorded == ((found[option],) if option in found else ()), option
    for option, default in found.items():
        measure("defaults", option, repr(default))
