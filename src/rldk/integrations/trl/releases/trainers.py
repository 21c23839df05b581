"""Read the API, the tokenizer and the reference model of a trainer object of any generation."""

from __future__ import annotations

import inspect
from typing import Any

from rldk.integrations.trl.releases.generations import Generation, installed_generation
from rldk.integrations.trl.releases.installed import PPOApi


def api_of(trainer: Any) -> PPOApi:
    """Return which API a trainer has. Only the train API's trainer is a ``transformers.Trainer``."""
    # Not by a method `step` or `train`: a user's subclass may have either.
    bases = {f"{base.__module__}.{base.__qualname__}" for base in type(trainer).__mro__}
    return "train" if "transformers.trainer.Trainer" in bases else "step"


def generation_of_trainer(trainer: Any) -> Generation:
    """Return the generation of a trainer. Its class may be a user's subclass of TRL's.

    Raises:
        ImportError: TRL has no PPO with the trainer's API.
    """
    return installed_generation(api_of(trainer))


def tokenizer_of(trainer: Any) -> Any:
    """Return a trainer's tokenizer, which is called ``processing_class`` from 0.12.0 on."""
    # Not with getattr, because the property in transformers warns.
    return vars(trainer).get("processing_class") or trainer.tokenizer


def has_processing_class(trainer: Any) -> bool:
    """Whether the tokenizer is ``processing_class``. PPOv2 sets ``tokenizer``, which transformers 5 does not read."""
    return hasattr(trainer, "processing_class")


def saves_with_metrics(trainer: Any) -> bool:
    """Whether ``_save_checkpoint`` takes ``metrics``, as before transformers 4.47 (huggingface/trl#3998)."""
    return "metrics" in inspect.signature(trainer._save_checkpoint).parameters


def counts_episodes(trainer: Any) -> bool:
    """Whether the trainer's state counts episodes: not in PPOv2 of 0.9.2-0.9.6."""
    return hasattr(trainer.state, "episode")


def reference_of(trainer: Any) -> Any:
    """Return a trainer's reference model, or None. PPOv2 and 0.12 call it ``ref_policy``."""
    return getattr(trainer, "ref_model", None) or vars(trainer).get("ref_policy")
