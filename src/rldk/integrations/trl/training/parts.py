"""Complete the models and the tokenizer of a PPO run, and convert them to what the installed release takes."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

from rldk.integrations.trl.data.columns import ScoredBatch
from rldk.integrations.trl.models.convert import as_policy, as_scorer
from rldk.integrations.trl.models.generation_config import fix_known_model
from rldk.integrations.trl.models.kinds import KnownModel, classify
from rldk.integrations.trl.models.load import load_classifier, load_policy, load_tokenizer
from rldk.integrations.trl.models.lora import apply_peft, check_reference, reference_without_adapter, require_peft
from rldk.integrations.trl.models.value_model import freeze_unused, value_model_for
from rldk.integrations.trl.releases.deepspeed import copied, engine_hides_attributes, uses_deepspeed
from rldk.integrations.trl.releases.generations import Generation
from rldk.integrations.trl.releases.main_process import process_count, warn
from rldk.integrations.trl.rewards.by_name import asked_by
from rldk.integrations.trl.rewards.scoring import as_reward_module, check_reward_model, needs_adapter
from rldk.integrations.trl.rewards.weighted import combined


@dataclass(frozen=True)
class PPOParts:
    """The models and the tokenizer. Only those that this release builds itself may be missing."""

    model: KnownModel
    ref_model: Any
    reward_model: KnownModel
    value_model: KnownModel
    tokenizer: Any

    def objects(self) -> dict[str, Any]:
        """Return name -> part, as TRL receives it."""
        return {name: part.given if isinstance(part, KnownModel) else part for name, part in vars(self).items()}


def complete_parts(
    generation: Generation,
    model_name: str | None,
    *,
    model: Any,
    ref_model: Any,
    reward_model: Any,
    value_model: Any,
    tokenizer: Any,
    generation_config: Any,
    peft_config: Any,
    init_kwargs: dict[str, Any],
    shares_layers: bool = False,
) -> PPOParts:
    """Build the parts that are None from ``model_name``, and wrap or unwrap the others. Weights are kept.

    Args:
        generation: The PPO of the installed release.
        model_name: A Hub id or a folder. May be None if ``model`` and ``tokenizer`` are passed.
        model: The policy, or None.
        ref_model: The reference model, or None.
        reward_model: A model or a function of texts, or None.
        value_model: The value model, or None. Train API only.
        tokenizer: The tokenizer of the models, or None.
        generation_config: For the policy and the reference model.
        peft_config: Turns the policy into a PEFT model. With its adapter off, the policy is its own reference.
        init_kwargs: Passed to every ``from_pretrained`` here.
        shares_layers: Leave a missing reference model to TRL, which freezes the layers that are to be shared.

    Raises:
        ValueError: A part is missing and there is nothing to build it from; the policy is an encoder-decoder and the
            release has the train API; or ``peft_config`` is passed for a policy that already has an adapter.
        TypeError: The policy is a PEFT model and the release cannot train those.
        ImportError: ``peft_config`` is passed and PEFT is missing or broken.
    """
    if model_name is None and (model is None or tokenizer is None):
        raise ValueError("create_ppo_trainer: pass model_name, or both model and tokenizer")
    if peft_config is not None:
        require_peft(generation)  # before a large model is loaded
    if tokenizer is None:
        tokenizer = load_tokenizer(str(model_name), **init_kwargs)
    given = None if model is None else classify(model)
    if given is None:
        policy = load_policy(generation, str(model_name), tokenizer, generation_config, **init_kwargs)
    else:
        policy = as_policy(generation, given, tokenizer, generation_config)
    if peft_config is not None:
        policy = apply_peft(generation, policy, peft_config)
        fix_known_model(policy, tokenizer, generation_config)
    if ref_model is not None:
        check_reference(generation, policy)
        ref_model = as_policy(generation, classify(ref_model), tokenizer, copy.deepcopy(generation_config)).given
    elif policy.is_peft:
        ref_model = reference_without_adapter(generation, policy.given)
    elif not shares_layers:
        # 0.12 does not build one (huggingface/trl#2353). Frozen, as TRL's create_reference_model makes it.
        ref_model = copied(policy.given).eval().requires_grad_(False)
    value = classify(value_model)
    if generation.api == "train":
        if value_model is None:
            value = value_model_for(generation, given, policy, tokenizer, model_name, **init_kwargs)
        value = as_scorer(value, tokenizer)
        if process_count() > 1:
            freeze_unused(value)
    scorer = _reward_model(generation, reward_model, model_name, tokenizer, init_kwargs)
    return PPOParts(policy, ref_model, scorer, value, tokenizer)


def _reward_model(
    generation: Generation, reward: Any, model_name: str | None, tokenizer: Any, init_kwargs: dict[str, Any]
) -> KnownModel:
    if reward is not None:
        known = classify(combined(reward))
        check_reward_model(known)
    elif model_name is None:
        if generation.api == "step":
            return classify(None)  # the program may score its responses itself; `run_ppo` asks for one
        raise ValueError("create_ppo_trainer: pass reward_model, a model or a function from texts to floats")
    else:
        warn(
            f"create_ppo_trainer: no reward_model was passed, so one is built from {model_name}; its rewards are "
            f"meaningless unless that checkpoint has a trained score head: pass reward_model",
            stacklevel=4,
        )
        known = load_classifier(model_name, tokenizer, **init_kwargs)
    if known.is_function and generation.api == "step":
        return known
    known = as_scorer(known, tokenizer)
    hidden = known.is_peft and uses_deepspeed() and engine_hides_attributes()  # huggingface/trl#2911, #3528
    if generation.api == "train" and (needs_adapter(known) or hidden):
        scored = ScoredBatch() if known.is_function and asked_by(known.given) is not None else None
        return classify(as_reward_module(known, tokenizer, scored))
    return known
