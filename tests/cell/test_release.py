"""The cell is what it says it is, and nothing in it reaches the network."""

from __future__ import annotations

import importlib
import socket

import pytest
from packaging.version import Version

from rldk.integrations.trl import check_trl_compatibility


def test_the_installed_release_is_the_rows(row, trl_release):
    assert str(trl_release.version) == row.version
    assert (trl_release.ppo_api or "none") == row.api


def test_the_compatibility_answer_is_what_the_row_declares(row, version):
    answer = check_trl_compatibility()
    assert answer["trl_available"] is True
    assert answer["version"] == row.version
    assert answer["ppo_available"] is (row.api != "none")
    assert answer["ppo_api"] == (None if row.api == "none" else row.api)
    if row.api == "none":
        assert answer["ppo_module"] is None
    else:
        assert answer["ppo_module"] == ("trl" if version < Version("0.26.0") else "trl.experimental.ppo")
    assert answer["tested"] is (row.expectation.status == "pass" and row.api != "none")


def test_a_named_release_is_described_as_the_installed_one(row):
    """The table for releases that are not installed agrees with the probe of the one that is."""
    named, probed = check_trl_compatibility(row.version), check_trl_compatibility()
    for key in ("ppo_available", "ppo_api", "ppo_module", "tested"):
        assert named[key] == probed[key]


@pytest.mark.trl_ppo
def test_the_module_named_holds_the_trainer_that_the_api_says(row):
    answer = check_trl_compatibility()
    trainer = importlib.import_module(answer["ppo_module"]).PPOTrainer
    assert hasattr(trainer, "step") is (row.api == "step")
    assert hasattr(trainer, "train") is (row.api == "train")


def test_sockets_are_closed(closed_network):
    with pytest.raises(OSError, match="network"):
        socket.create_connection(("127.0.0.1", 9))
    with pytest.raises(OSError, match="network"):
        socket.socket().connect(("127.0.0.1", 9))
    assert len(closed_network) == 2
    closed_network.clear()
