"""Wraps and unwraps models as the installed generation wants them, with their weights kept."""

from __future__ import annotations

from typing import Any

from rldk.integrations.trl.models.generation_config import fix_known_model
from rldk.integrations.trl.models.kinds import KnownModel, classify
from rldk.integrations.trl.models.lora import refuse_peft
from rldk.integrations.trl.models.value_head import put_value_head, saved_value_head
from rldk.integrations.trl.releases.generations import Generation
from rldk.integrations.trl.releases.quiet import third_party_warnings


def as_policy(generation: Generation, known: KnownModel, tokenizer: Any, generation_config: Any = None) -> KnownModel:
    """The model as this generation's policy or reference model: wrapped or unwrapped, weights kept.

    The step API accepts nothing but a value-head wrapper, and the train API reads ``.logits`` of what the policy
    returns and calls its ``generate``: there the wrapper's inner model is the policy.

    Raises:
        ValueError: an encoder-decoder for the train API.
        TypeError: a ``PeftModel`` for a release that takes none.
    """
    with third_party_warnings():
        if known.is_peft:
            refuse_peft(generation, "model is a PeftModel")
        if generation.api == "step":
            if not known.is_wrapper:
                head = saved_value_head(getattr(known.given, "name_or_path", None))
                known = classify(put_value_head(generation, known, head))
        elif known.is_wrapper:
            known = classify(known.inner)
        if known.is_encoder_decoder:
            refuse_encoder_decoder(generation, getattr(known.inner, "config", None), known.name)
    fix_known_model(known, tokenizer, generation_config)
    return known


def as_scorer(known: KnownModel, tokenizer: Any) -> KnownModel:
    """The model with what TRL reads from reward and value models: ``base_model_prefix``, backbone, ``score``."""
    if known.is_wrapper:
        fix_known_model(known, tokenizer)
    return known


def refuse_encoder_decoder(generation: Generation, config: Any, name: str) -> None:
    """Refuse an encoder-decoder where the train API is installed.

    Args:
        generation: the installed release's PPO.
        config: the model's own config; its ``model_type`` names the model in the message.
        name: names it where the config has no ``model_type``.

    Raises:
        ValueError: the generation has the train API.
    """
    if generation.api == "train":
        raise ValueError(
            f"TRL {generation.version} (train API) cannot train an encoder-decoder "
            f"({getattr(config, 'model_type', name)}): prompt and response are one sequence there; use a decoder-only "
            f"model, or the step API of TRL 0.2.0-0.11.4"
        )
