"""``fix_generation_config``: fix a value-head wrapper, or set the generation config of a plain model."""

from __future__ import annotations

from typing import Any, TypeVar

from rldk.integrations.trl.models.aliases import ValueHeadAliases, with_aliases
from rldk.integrations.trl.models.kinds import KnownModel, classify
from rldk.integrations.trl.models.tokenizers import classify_tokenizer
from rldk.integrations.trl.releases.importing import import_or_explain

Model = TypeVar("Model")


def default_generation_config(tokenizer: Any) -> Any:
    """Return a config with the tokenizer's EOS, pad and BOS ids, ``max_length=512`` tokens, temperature 1, top-p 1.

    Raises:
        ImportError: transformers is missing or broken.
        TypeError: ``tokenizer`` has no ``eos_token_id``.
    """
    known = classify_tokenizer(tokenizer)
    if not known.is_tokenizer:
        raise TypeError(
            f"tokenizer must be a transformers tokenizer, got {type(tokenizer).__name__}: "
            f"pass AutoTokenizer.from_pretrained(...)"
        )
    return import_or_explain("transformers").GenerationConfig(
        eos_token_id=known.eos,
        pad_token_id=known.pad,
        bos_token_id=known.bos,
        max_length=512,
        do_sample=True,
        temperature=1.0,
        top_p=1.0,
    )


def fix_generation_config(model: Model, tokenizer: Any, generation_config: Any = None) -> Model:
    """Give a value-head wrapper everything that TRL's PPO reads from it, in place.

    Fixes ``'AutoModelForCausalLMWithValueHead' object has no attribute 'generation_config'`` (TRL 0.12.0-1.12.0,
    huggingface/trl#2340, #2718) and the errors that follow it: it also adds ``base_model_prefix`` and the backbone
    under that name (#1977), ``is_gradient_checkpointing``, ``score`` (the same module as ``v_head``), and ``.logits``
    on the tuple that ``forward`` returns. No weight is copied and no module is registered twice, so ``state_dict()``
    and ``named_parameters()`` keep their keys. A second call changes nothing.

    Args:
        model: A value-head wrapper, or a plain ``PreTrainedModel``, which only gets a generation config.
        tokenizer: Provides the EOS, pad and BOS ids of the default generation config.
        generation_config: Used unchanged instead of the default.

    Returns:
        The same object, ``model``.

    Raises:
        TypeError: ``model`` is neither of these, or ``tokenizer`` is not a tokenizer.
        ImportError: transformers is missing or broken.
    """
    fix_known_model(classify(model), tokenizer, generation_config)
    return model


def fix_known_model(known: KnownModel, tokenizer: Any, generation_config: Any = None) -> None:
    """Do what `fix_generation_config` does, for a classified model."""
    if not known.is_wrapper and not known.is_peft:
        transformers = import_or_explain("transformers")
        if not isinstance(known.given, transformers.PreTrainedModel):
            raise TypeError(
                f"model must be a value-head wrapper or a PreTrainedModel, got {known.name}: "
                f"load it with AutoModelForCausalLMWithValueHead or AutoModelForCausalLM"
            )
    config = generation_config
    if config is None:
        config = default_generation_config(tokenizer)
        config.decoder_start_token_id = _decoder_start(known.inner)
    if known.is_wrapper and not isinstance(known.given, ValueHeadAliases):
        known.given.__class__ = with_aliases(known.given.__class__)
    known.given.generation_config = config


def _decoder_start(inner: Any) -> int | None:
    """Return the first token of an encoder-decoder's responses. Without it `generate` uses the tokenizer's BOS."""
    for config in (getattr(inner, "generation_config", None), inner.config):
        start: int | None = getattr(config, "decoder_start_token_id", None)
        if start is not None:
            return start
    return None
