"""What a trainer object calls its parts, on any generation."""

from __future__ import annotations

from typing import Any

from rldk.integrations.trl.releases.generations import Generation, installed_generation
from rldk.integrations.trl.releases.installed import PPOApi


def api_of(trainer: Any) -> PPOApi:
    """Which API a trainer has."""
    return "step" if hasattr(trainer, "step") else "train"


def generation_of_trainer(trainer: Any) -> Generation:
    """The generation of a trainer, also where its class is a user's own that derives from TRL's.

    Raises:
        ImportError: TRL has no PPO with the trainer's API.
    """
    return installed_generation(api_of(trainer))


def tokenizer_of(trainer: Any) -> Any:
    """A trainer's tokenizer; ``processing_class`` from 0.12.0 on."""
    # Not by getattr: transformers' own property warns.
    return vars(trainer).get("processing_class") or trainer.tokenizer


def reference_of(trainer: Any) -> Any:
    """A trainer's reference model; None where it has none. PPOv2 and 0.12 call it ``ref_policy``."""
    return getattr(trainer, "ref_model", None) or vars(trainer).get("ref_policy")
