"""The parts of a PPO run, completed and brought into the form that the installed release takes."""

from __future__ import annotations

import copy
import warnings
from dataclasses import dataclass
from typing import Any

from rldk.integrations.trl.generation_config import is_value_head_wrapper
from rldk.integrations.trl.generations import Generation
from rldk.integrations.trl.models import (
    as_policy,
    as_scorer,
    build_value_model,
    load_classifier,
    load_policy,
    load_tokenizer,
)
from rldk.integrations.trl.reward import as_reward_module, is_reward_function


@dataclass(frozen=True)
class PPOParts:
    """The models and the tokenizer, none missing that this release cannot build itself."""

    model: Any
    ref_model: Any
    reward_model: Any
    value_model: Any
    tokenizer: Any


def complete_parts(
    generation: Generation, model_name: str | None, given: PPOParts, generation_config: Any, *, with_peft: bool
) -> PPOParts:
    """Build what is missing in ``given`` from ``model_name``, wrap and unwrap what is there; weights are kept.

    Args:
        generation: the installed release's PPO.
        model_name: a Hub id or a folder; None where model and tokenizer are given.
        given: the caller's parts, None for each that is missing.
        generation_config: for the policy and the reference model.
        with_peft: the policy is to become a PEFT model, which is its own reference with the adapter off.

    Raises:
        ValueError: a part is missing and there is nothing to build it from.
    """
    if model_name is None and (given.model is None or given.tokenizer is None):
        raise ValueError("create_ppo_trainer: give model_name, or both model and tokenizer")
    tokenizer = load_tokenizer(str(model_name)) if given.tokenizer is None else given.tokenizer
    if given.model is None:
        model = load_policy(generation, str(model_name), tokenizer, generation_config)
    else:
        model = as_policy(generation, given.model, tokenizer, generation_config)
    ref_model = given.ref_model
    if ref_model is not None:
        ref_model = as_policy(generation, ref_model, tokenizer, copy.deepcopy(generation_config))
    elif not with_peft and not _is_peft(model):
        # 0.12 does not build one (huggingface/trl#2353); like TRL's create_reference_model it is never trained.
        ref_model = copy.deepcopy(model).eval().requires_grad_(False)
    value_model = given.value_model
    if generation.api == "train":
        if value_model is None:
            if given.model is None:
                value_model = build_value_model(generation, model, tokenizer, model_name)
            else:
                value_model = build_value_model(generation, given.model, tokenizer, None)
        value_model = as_scorer(value_model, tokenizer)
    reward_model = _reward_model(generation, given.reward_model, model_name, tokenizer)
    return PPOParts(model, ref_model, reward_model, value_model, tokenizer)


def _is_peft(model: Any) -> bool:
    inner = model.pretrained_model if is_value_head_wrapper(model) else model
    return hasattr(inner, "peft_config")


def _reward_model(generation: Generation, reward: Any, model_name: str | None, tokenizer: Any) -> Any:
    if reward is None:
        if model_name is None:
            raise ValueError("create_ppo_trainer: give reward_model, a model or a function from texts to floats")
        warnings.warn(
            f"create_ppo_trainer: no reward_model was given, so one is built from {model_name}: where that holds no "
            f"trained score head, its rewards mean nothing",
            stacklevel=4,
        )
        reward = load_classifier(model_name, tokenizer)
    if is_reward_function(reward):
        return as_reward_module(reward, tokenizer) if generation.api == "train" else reward
    return as_scorer(reward, tokenizer)
