"""``fix_generation_config``: fix a value-head wrapper, or complete the generation config of a plain model."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
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
    return import_or_explain("transformers").GenerationConfig(
        **_ids(tokenizer),
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
    on the tuple that ``forward`` returns. A wrapper that was created by its constructor also gets ``is_peft_model``,
    which only TRL's ``from_pretrained`` sets (#858). No weight is copied and no module is registered twice, so
    ``state_dict()`` and ``named_parameters()`` keep their keys. A second call changes nothing.

    A plain model keeps its generation config; only EOS, pad and BOS ids that are None are set, to the tokenizer's.

    Args:
        model: A value-head wrapper, or a plain ``PreTrainedModel`` or ``PeftModel``.
        tokenizer: Provides the EOS, pad and BOS ids.
        generation_config: Used unchanged instead. Default for a wrapper, and for a model that has none: the
            tokenizer's ids, ``max_length=512``, ``do_sample=True``, ``temperature=1.0`` and ``top_p=1.0``.

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
    if config is None and not known.is_wrapper:
        config = getattr(known.given, "generation_config", None)
        if config is not None:
            for name, value in _ids(tokenizer).items():
                if getattr(config, name) is None:
                    setattr(config, name, value)
            return
    if config is None:
        config = default_generation_config(tokenizer)
        config.decoder_start_token_id = _decoder_start(known.inner)
    if known.is_wrapper and not isinstance(known.given, ValueHeadAliases):
        known.given.__class__ = with_aliases(known.given.__class__)
    if known.is_wrapper and not hasattr(known.given, "is_peft_model"):
        known.given.is_peft_model = known.is_peft  # TRL's from_pretrained sets it, its constructor does not
    known.given.generation_config = config


def _ids(tokenizer: Any) -> dict[str, Any]:
    known = classify_tokenizer(tokenizer)
    if not known.is_tokenizer:
        raise TypeError(
            f"tokenizer must be a transformers tokenizer, got {type(tokenizer).__name__}: "
            f"pass AutoTokenizer.from_pretrained(...)"
        )
    return {"eos_token_id": known.eos, "pad_token_id": known.pad, "bos_token_id": known.bos}


@contextmanager
def defaults_hidden(policy: Any) -> Iterator[None]:
    """Within the context, let ``policy.generate`` use only the config that is passed to it, and its own ids.

    From 4.50 on, transformers fills what the passed config does not set from the model's own, e.g. its
    ``repetition_penalty`` and ``top_k``. TRL computes log-probabilities without them. Only calls of ``generate`` see
    the other config, so a callback can save the model's own.
    """
    own = vars(policy).get("generate")
    generate = policy.generate

    def generate_without_defaults(*args: Any, **kwargs: Any) -> Any:
        owners = {
            module: module.generation_config
            for module in policy.modules()
            if vars(module).get("generation_config") is not None
        }
        for module, config in owners.items():
            ids = {name: getattr(config, name) for name in ("eos_token_id", "pad_token_id", "bos_token_id")}
            module.generation_config = type(config)(**ids)
        try:
            return generate(*args, **kwargs)
        finally:
            for module, config in owners.items():
                module.generation_config = config

    policy.generate = generate_without_defaults
    try:
        yield
    finally:
        if own is None:
            del policy.generate
        else:
            policy.generate = own


def _decoder_start(inner: Any) -> int | None:
    """Return the first token of an encoder-decoder's responses. Without it `generate` uses the tokenizer's BOS."""
    for config in (getattr(inner, "generation_config", None), inner.config):
        start: int | None = getattr(config, "decoder_start_token_id", None)
        if start is not None:
            return start
    return None
