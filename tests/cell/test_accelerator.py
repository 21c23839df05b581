"""`create_ppo_config` asks the installed accelerate for an accelerator; no cell has one."""

from __future__ import annotations

import importlib

import pytest
from both_apis import WITH_PPOV2

from rldk.integrations.trl import create_ppo_config


@pytest.mark.parametrize(
    "api", [pytest.param(None, marks=pytest.mark.trl_ppo("train")), pytest.param("train", marks=WITH_PPOV2)]
)
@pytest.mark.trl_ppo
def test_the_cpu_is_used(api, tmp_path, monkeypatch):
    torch = importlib.import_module("torch")
    monkeypatch.delattr(torch, "xpu", raising=False)  # torch before 2.3 does not have it
    config = create_ppo_config(str(tmp_path), api=api)
    assert config.use_cpu is True
    assert config.bf16 is False


def test_accelerate_is_asked_and_its_state_is_not_created(monkeypatch):
    """Its answer for the MPS is a stand-in: there is none here."""
    from rldk.integrations.trl.config import create

    utils, state = importlib.import_module("accelerate.utils"), importlib.import_module("accelerate.state")
    for cls in [cls for cls in vars(state).values() if "_shared_state" in getattr(cls, "__dict__", {})]:
        monkeypatch.setattr(cls, "_shared_state", {})
    assert create._has_accelerator() is False
    assert all(
        not cls._shared_state for cls in vars(state).values() if "_shared_state" in getattr(cls, "__dict__", {})
    )
    # An old accelerate does not have it.
    monkeypatch.setattr(utils, "is_mps_available", lambda min_version="1.12": True, raising=False)
    assert create._has_accelerator() is True
