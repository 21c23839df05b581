"""``fix_generation_config``: fix one value-head wrapper, or give a plain model its generation config."""

from __future__ import annotations

from typing import Any, TypeVar

from rldk.integrations.trl.models.aliases import ValueHeadAliases, with_aliases
from rldk.integrations.trl.models.kinds import KnownModel, classify
from rldk.integrations.trl.models.tokenizers import classify_tokenizer
from rldk.integrations.trl.releases.importing import import_or_explain

Model = TypeVar("Model")


def default_generation_config(tokenizer: Any) -> Any:
    """The tokenizer's eos, pad and bos ids, ``max_length=512`` tokens, sampling at temperature 1 and top-p 1.

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
    """Give a value-head wrapper everything that TRL's PPO reads from it; in place.

    Fixes ``'AutoModelForCausalLMWithValueHead' object has no attribute 'generation_config'`` (TRL 0.12.0-1.12.0,
    huggingface/trl#2340, #2718) and what follows once that is patched: ``base_model_prefix`` and the backbone
    under that name (#1977), ``is_gradient_checkpointing``, ``score`` (which is ``v_head`` itself), and ``.logits``
    on what ``forward`` returns, which stays the same tuple. No weight is copied and nothing is registered twice:
    ``state_dict()`` and ``named_parameters()`` keep their keys. Calling it again changes nothing.

    Args:
        model: a value-head wrapper; a plain ``PreTrainedModel`` only gets its generation config.
        tokenizer: gives the eos, pad and bos ids of the default generation config.
        generation_config: used instead of the default one, as it is.

    Returns:
        ``model`` itself.

    Raises:
        TypeError: ``model`` is neither, or ``tokenizer`` is not a tokenizer.
        ImportError: transformers is missing or broken.
    """
    fix_known_model(classify(model), tokenizer, generation_config)
    return model


def fix_known_model(known: KnownModel, tokenizer: Any, generation_config: Any = None) -> None:
    """As `fix_generation_config`, for a model that was classified before."""
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
    """What an encoder-decoder's response begins with; without it `generate` would take the tokenizer's bos."""
    for config in (getattr(inner, "generation_config", None), inner.config):
        start: int | None = getattr(config, "decoder_start_token_id", None)
        if start is not None:
            return start
    return None
