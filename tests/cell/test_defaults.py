"""The release's own default config, built as TRL's user builds it, is what `config_defaults.json` says of it."""

from __future__ import annotations

import os

import pytest

from rldk.integrations.trl.config_defaults import OPTIONS, config_default
from rldk_trl.contract.data import load
from rldk_trl.contract.defaults import own_defaults

pytestmark = [pytest.mark.trl_ppo, pytest.mark.usefixtures("make_ppo_setup")]


def test_the_defaults(version, row, tmp_path, measure):
    """Those that TRL's class inherits are transformers', so in lane `today` they may be others."""
    from rldk.integrations.trl.generations import installed_generation

    found = own_defaults(installed_generation().config, str(tmp_path))
    contract = load()
    today = os.environ.get("RLDK_TRL_CELL", "").endswith("-today")
    for option in OPTIONS:
        recorded = config_default(option, version)
        if today and contract.at(row.version, f"config PPOConfig {option}") is None:
            continue
        assert (option in found) == bool(recorded), option
        assert recorded == ((found[option],) if option in found else ()), option
    for option, default in found.items():
        measure("defaults", option, repr(default))
