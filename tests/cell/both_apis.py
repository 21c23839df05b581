"""The train API where the installed release has two: ``PPOv2Trainer`` of TRL 0.9.2-0.11.4 beside the step API."""

from __future__ import annotations

from typing import Any

import pytest

from rldk.integrations.trl import create_ppo_config

WITH_PPOV2 = pytest.mark.trl(">=0.9.2", "<0.12")

# A test runs on the release's own PPOTrainer, and where there is a PPOv2Trainer on that too.
EACH_API = pytest.mark.parametrize("api", [None, pytest.param("train", marks=WITH_PPOV2, id="ppov2")])


def config_of(setup: Any, api: str | None, **options: Any) -> Any:
    """The setup's config, or a ``PPOv2Config`` like it with these options besides."""
    if api is None:
        return setup.config
    small = {"num_ppo_epochs": 2, "per_device_train_batch_size": 4, "total_episodes": 32, "response_length": 8}
    return create_ppo_config(str(setup.output_dir), api=api, **{**small, "save_strategy": "no", **options})
