"""The parts of a PPO run, completed and brought into the form that the installed release takes."""

from __future__ import annotations

import copy
import warnings
from dataclasses import dataclass
from typing import Any

from rldk.integrations.trl.models.generation_config import fix_generation_config, is_value_head_wrapper
from rldk.integrations.trl.models.load import (
    as_policy,
    as_scorer,
    build_value_model,
    load_classifier,
    load_policy,
    load_tokenizer,
)
from rldk.integrations.trl.models.lora import (
    apply_peft,
    check_reference,
    is_peft_model,
    reference_without_adapter,
    require_peft,
)
from rldk.integrations.trl.models.value_head import put_value_head
from rldk.integrations.trl.releases.generations import Generation
from rldk.integrations.trl.rewards.scoring import as_reward_module, check_reward_model, is_reward_function


@dataclass(frozen=True)
class PPOParts:
    """The models and the tokenizer, none missing that this release cannot build itself."""

    model: Any
    ref_model: Any
    reward_model: Any
    value_model: Any
    tokenizer: Any


def complete_parts(
    generation: Generation,
    model_name: str | None,
    given: PPOParts,
    generation_config: Any,
    *,
    peft_config: Any = None,
) -> PPOParts:
    """Build what is missing in ``given`` from ``model_name``, wrap and unwrap what is there; weights are kept.

    Args:
        generation: the installed release's PPO.
        model_name: a Hub id or a folder; None where model and tokenizer are given.
        given: the caller's parts, None for each that is missing.
        generation_config: for the policy and the reference model.
        peft_config: the policy becomes a PEFT model by it, which is its own reference with the adapter off.

    Raises:
        ValueError: a part is missing and there is nothing to build it from, the policy is an encoder-decoder and the
            release has the train API, or it has an adapter already and ``peft_config`` asks for another.
        TypeError: the release cannot train PEFT policies, and this is one.
        ImportError: ``peft_config`` is given and PEFT is missing or broken.
    """
    if model_name is None and (given.model is None or given.tokenizer is None):
        raise ValueError("create_ppo_trainer: give model_name, or both model and tokenizer")
    if peft_config is not None:
        require_peft(generation)  # before a large model is loaded
    tokenizer = load_tokenizer(str(model_name)) if given.tokenizer is None else given.tokenizer
    if given.model is None:
        model = load_policy(generation, str(model_name), tokenizer, generation_config)
    else:
        model = as_policy(generation, given.model, tokenizer, generation_config)
    if peft_config is not None:
        model = fix_generation_config(apply_peft(generation, model, peft_config), tokenizer, generation_config)
    ref_model = given.ref_model
    if ref_model is not None:
        check_reference(generation, model, ref_model)
        ref_model = as_policy(generation, ref_model, tokenizer, copy.deepcopy(generation_config))
    elif is_peft_model(model):
        ref_model = reference_without_adapter(generation, model)
    else:
        # 0.12 does not build one (huggingface/trl#2353); like TRL's create_reference_model it is never trained.
        ref_model = copy.deepcopy(model).eval().requires_grad_(False)
    value_model = given.value_model
    if generation.api == "train":
        if value_model is None:
            value_model = _value_model(generation, given.model, model, tokenizer, model_name)
        value_model = as_scorer(value_model, tokenizer)
    reward_model = _reward_model(generation, given.reward_model, model_name, tokenizer)
    return PPOParts(model, ref_model, reward_model, value_model, tokenizer)


def _value_model(generation: Generation, given: Any, policy: Any, tokenizer: Any, model_name: str | None) -> Any:
    if not is_value_head_wrapper(given):
        # A plain model may be another than the one that `model_name` names: then it is copied.
        return build_value_model(generation, policy, tokenizer, model_name if given is None else None)
    if given.pretrained_model is policy:
        return build_value_model(generation, given, tokenizer, None)
    value_model = put_value_head(generation, copy.deepcopy(policy))  # `peft_config` put an adapter on the policy
    value_model.v_head = copy.deepcopy(given.v_head)
    return value_model


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
    check_reward_model(reward)
    if is_reward_function(reward):
        return as_reward_module(reward, tokenizer) if generation.api == "train" else reward
    return as_scorer(reward, tokenizer)
