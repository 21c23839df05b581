"""Load, wrap and unwrap the models that PPO trains with, keeping their weights."""

from __future__ import annotations

import copy
from typing import Any, NamedTuple

from rldk.integrations.trl.generation_config import fix_generation_config, is_value_head_wrapper
from rldk.integrations.trl.generations import Generation, import_or_explain, installed_generation
from rldk.integrations.trl.quiet import third_party_warnings


class PPOModels(NamedTuple):
    """What `prepare_models_for_ppo` returns."""

    model: Any
    """The policy: a value-head wrapper for the step API, a causal language model for the train API."""
    ref_model: Any
    """The reference model: of the policy's kind, with the same weights."""
    reward_model: Any
    """A sequence classifier with ``num_labels=1``; its head is fresh where the checkpoint holds none."""
    tokenizer: Any


def load_tokenizer(model_name: str) -> Any:
    """The model's tokenizer, padding on the left as the train API needs, with a pad token that is not EOS.

    Masks are computed as ``!= pad_token_id`` in every generation, so pad == eos hides real ends of text
    (huggingface/trl#5303). Where the tokenizer has no pad token it gets one, and the models that
    `prepare_models_for_ppo` loads get a row for it.
    """
    with third_party_warnings():
        tokenizer = import_or_explain("transformers").AutoTokenizer.from_pretrained(model_name)
        if tokenizer.pad_token_id is None:
            tokenizer.add_special_tokens({"pad_token": "[PAD]"})
    tokenizer.padding_side = "left"
    return tokenizer


def prepare_models_for_ppo(
    model_name: str, tokenizer: Any = None, generation_config: Any = None, **from_pretrained_kwargs: Any
) -> PPOModels:
    """Load policy, reference and reward model of the kinds that the installed TRL wants.

    Step API (TRL 0.2.0-0.11.4): two mended value-head wrappers. Train API (0.12.0-1.12.0): two causal language
    models. The reward model is a sequence classifier with one label in both.

    Args:
        model_name: a Hub id or a folder.
        tokenizer: the models' tokenizer; loaded from ``model_name`` where it is None.
        generation_config: for policy and reference model; each gets a copy. Default: see
            `fix_generation_config`.
        **from_pretrained_kwargs: given to every ``from_pretrained``, e.g. ``torch_dtype`` or ``revision``.

    Raises:
        ImportError: TRL is missing, broken or has no PPO.
        OSError: transformers finds no model under ``model_name``.
    """
    generation = installed_generation()
    if tokenizer is None:
        tokenizer = load_tokenizer(model_name)
    policy, reference = (
        load_policy(generation, model_name, tokenizer, copy.deepcopy(generation_config), **from_pretrained_kwargs)
        for _ in range(2)
    )
    reward = load_classifier(model_name, tokenizer, **from_pretrained_kwargs)
    return PPOModels(policy, reference, reward, tokenizer)


def load_policy(generation: Generation, model_name: str, tokenizer: Any, generation_config: Any, **kwargs: Any) -> Any:
    """A causal language model from ``model_name``, wrapped and mended where the step API needs it."""
    with third_party_warnings():
        model = import_or_explain("transformers").AutoModelForCausalLM.from_pretrained(model_name, **kwargs)
        fit_embeddings(model, tokenizer)
        return as_policy(generation, model, tokenizer, generation_config)


def load_classifier(model_name: str, tokenizer: Any, **kwargs: Any) -> Any:
    """A sequence classifier with one label from ``model_name``: what reward and value models are in TRL."""
    with third_party_warnings():
        transformers = import_or_explain("transformers")
        model = transformers.AutoModelForSequenceClassification.from_pretrained(model_name, num_labels=1, **kwargs)
        fit_embeddings(model, tokenizer)
    model.config.pad_token_id = tokenizer.pad_token_id  # it finds the last token by it
    return model


def fit_embeddings(model: Any, tokenizer: Any) -> None:
    """Give the model a row for each token that was added to the tokenizer, and never take one away."""
    if len(tokenizer) > model.get_input_embeddings().weight.shape[0]:
        model.resize_token_embeddings(len(tokenizer))


def as_policy(generation: Generation, model: Any, tokenizer: Any, generation_config: Any = None) -> Any:
    """``model`` as this generation's policy or reference model: wrapped or unwrapped, weights kept.

    The step API accepts nothing but a value-head wrapper, and the train API reads ``.logits`` of what the policy
    returns and calls its ``generate``: there the wrapper's inner model is the policy.
    """
    with third_party_warnings():
        if generation.api == "step":
            if not is_value_head_wrapper(model):
                model = generation.value_head.from_pretrained(model)
        elif is_value_head_wrapper(model):
            model = model.pretrained_model
    return fix_generation_config(model, tokenizer, generation_config)


def as_scorer(model: Any, tokenizer: Any) -> Any:
    """``model`` with what TRL reads from reward and value models (``base_model_prefix``, backbone, ``score``)."""
    return fix_generation_config(model, tokenizer) if is_value_head_wrapper(model) else model


def build_value_model(generation: Generation, policy: Any, tokenizer: Any, model_name: str | None) -> Any:
    """A value model for the train API, which never worked without one (huggingface/trl#1976).

    From the policy's own value head where it came with one, its weights kept; else from ``model_name`` with a
    fresh head, or, for a policy that exists only in memory, from a copy of it with a fresh head.
    """
    with third_party_warnings():
        if is_value_head_wrapper(policy):
            return as_scorer(copy.deepcopy(policy), tokenizer)
        if model_name is not None:
            return load_classifier(model_name, tokenizer)
        return as_scorer(generation.value_head.from_pretrained(copy.deepcopy(policy)), tokenizer)
