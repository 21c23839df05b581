"""``fix_generation_config``: mend one value-head wrapper, or give a plain model its generation config."""

from __future__ import annotations

from typing import Any, TypeVar

from rldk.integrations.trl.models.aliases import ValueHeadAliases, with_aliases
from rldk.integrations.trl.releases.generations import import_or_explain

Model = TypeVar("Model")


def is_value_head_wrapper(model: object) -> bool:
    """Whether ``model`` is one of TRL's value-head wrappers, told by its parts: a model and a value head.

    TRL moved and then deleted the classes, so ``isinstance`` cannot tell a copy that a code base kept.
    """
    modules = getattr(model, "__dict__", {}).get("_modules")
    return isinstance(modules, dict) and "pretrained_model" in modules and "v_head" in modules


def default_generation_config(tokenizer: Any) -> Any:
    """The tokenizer's eos, pad and bos ids, ``max_length=512`` tokens, sampling at temperature 1 and top-p 1.

    Raises:
        ImportError: transformers is missing or broken.
        TypeError: ``tokenizer`` has no ``eos_token_id``.
    """
    if not hasattr(tokenizer, "eos_token_id"):
        raise TypeError(
            f"tokenizer must be a transformers tokenizer, got {type(tokenizer).__name__}: "
            f"pass AutoTokenizer.from_pretrained(...)"
        )
    return import_or_explain("transformers").GenerationConfig(
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=getattr(tokenizer, "pad_token_id", None),
        bos_token_id=getattr(tokenizer, "bos_token_id", None),
        max_length=512,
        do_sample=True,
        temperature=1.0,
        top_p=1.0,
    )


def fix_generation_config(model: Model, tokenizer: Any, generation_config: Any = None) -> Model:
    """Give a value-head wrapper everything that TRL's PPO reads from it; in place.

    Ends ``'AutoModelForCausalLMWithValueHead' object has no attribute 'generation_config'`` (TRL 0.12.0-1.12.0,
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
        TypeError: ``model`` is neither, or ``tokenizer`` is none.
        ImportError: transformers is missing or broken.
    """
    wrapped = is_value_head_wrapper(model)
    if not wrapped:
        transformers = import_or_explain("transformers")
        with_peft = type(model).__module__.startswith("peft.")
        if not isinstance(model, transformers.PreTrainedModel) and not with_peft:
            raise TypeError(
                f"model must be a value-head wrapper or a PreTrainedModel, got {type(model).__name__}: "
                f"load it with AutoModelForCausalLMWithValueHead or AutoModelForCausalLM"
            )
    config = generation_config
    if config is None:
        config = default_generation_config(tokenizer)
        config.decoder_start_token_id = _decoder_start(model)
    if wrapped and not isinstance(model, ValueHeadAliases):
        wrapper: Any = model
        wrapper.__class__ = with_aliases(wrapper.__class__)
    model.generation_config = config  # type: ignore[attr-defined]
    return model


def _decoder_start(model: Any) -> int | None:
    """What an encoder-decoder's response begins with; without it `generate` would take the tokenizer's bos."""
    inner = getattr(model, "pretrained_model", model)
    for config in (getattr(inner, "generation_config", None), inner.config):
        start: int | None = getattr(config, "decoder_start_token_id", None)
        if start is not None:
            return start
    return None
