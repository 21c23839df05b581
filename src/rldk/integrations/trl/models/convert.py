"""Wrap and unwrap models as the installed generation needs them, and keep their weights."""

from __future__ import annotations

from typing import Any

from rldk.integrations.trl.models.generation_config import fix_known_model
from rldk.integrations.trl.models.kinds import KnownModel, classify
from rldk.integrations.trl.models.lora import refuse_peft
from rldk.integrations.trl.models.tokenizers import classify_tokenizer
from rldk.integrations.trl.models.value_head import put_value_head, saved_value_head
from rldk.integrations.trl.releases.generations import Generation
from rldk.integrations.trl.releases.quiet import third_party_warnings


def as_policy(generation: Generation, known: KnownModel, tokenizer: Any, generation_config: Any = None) -> KnownModel:
    """Wrap or unwrap a model to be this generation's policy or reference model. Weights are kept.

    The step API accepts only a value-head wrapper. The train API calls the policy's ``generate`` and reads ``.logits``
    from its output, so there the wrapper's inner model is the policy.

    Raises:
        ValueError: The model is an encoder-decoder and the generation has the train API.
        TypeError: The model is a ``PeftModel`` and the release does not support it.
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
    """Give a model what TRL reads from reward and value models: ``base_model_prefix``, the backbone and ``score``."""
    model = known.given
    if known.is_wrapper:
        fix_known_model(known, tokenizer)
    elif known.kind == "plain" and getattr(model, "base_model_prefix", None) == "":
        # The classifier of a nested model, in transformers 4.56-4.57 (Gemma 3): its prefix names no part.
        backbones = [name for name, part in model.named_children() if hasattr(part, "get_input_embeddings")]
        if len(backbones) == 1:
            model.base_model_prefix = backbones[0]
    config: Any = getattr(known.inner, "config", None)
    if known.is_peft and not known.is_wrapper and getattr(config, "pad_token_id", 0) is None:
        # Around a Llama, its backbone `model` is the whole classifier, which looks for the pad token.
        config.pad_token_id = classify_tokenizer(tokenizer).pad
    return known


def refuse_encoder_decoder(generation: Generation, config: Any, name: str) -> None:
    """Refuse an encoder-decoder if the train API is installed.

    Args:
        generation: The PPO of the installed release.
        config: The model's config. Its ``model_type`` names the model in the message.
        name: Names the model if the config has no ``model_type``.

    Raises:
        ValueError: The generation has the train API.
    """
    if generation.api == "train":
        raise ValueError(
            f"TRL {generation.version} (train API) cannot train an encoder-decoder "
            f"({getattr(config, 'model_type', name)}), because it joins prompt and response into one sequence: use a "
            f"decoder-only model, or the step API of TRL 0.2.0-0.11.4"
        )
