"""Reward models: functions of texts, sequence classifiers and value-head wrappers, on both APIs."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any, TypeAlias

from rldk.integrations.trl.generation_config import is_value_head_wrapper
from rldk.integrations.trl.generations import import_or_explain

RewardFunction: TypeAlias = Callable[[list[str]], Sequence[float]]


def is_reward_function(reward: object) -> bool:
    """Whether ``reward`` is a plain function (or other callable) rather than a model."""
    return callable(reward) and not hasattr(reward, "parameters")


def call_reward_function(function: RewardFunction, texts: list[str]) -> list[float]:
    """Call a reward function and check what it returns.

    Raises:
        ValueError: it returned another number of rewards than texts, or one that is not finite.
    """
    name = getattr(function, "__name__", type(function).__name__)
    rewards = [float(reward) for reward in function(texts)]
    if len(rewards) != len(texts):
        raise ValueError(
            f"reward function {name} returned {len(rewards)} rewards for {len(texts)} texts: return one float a text"
        )
    for text, reward in zip(texts, rewards, strict=True):
        if not math.isfinite(reward):
            raise ValueError(f"reward function {name} returned {reward} for {text!r}: return a finite float")
    return rewards


def as_reward_module(function: RewardFunction, tokenizer: Any) -> Any:
    """A module that the train API accepts as its reward model and that calls ``function``.

    TRL reads ``modules``, ``to``, ``base_model_prefix``, the backbone under that prefix and ``score`` from a reward
    model (``'function' object has no attribute 'modules'``, huggingface/trl#2273, #2518). The backbone here turns
    token ids back into texts and answers with the rewards in place of hidden states; ``score`` passes them on.
    """
    torch = import_or_explain("torch")

    def backbone(input_ids: Any, attention_mask: Any, **_: Any) -> SimpleNamespace:
        texts = [
            tokenizer.decode(ids[mask.bool()], skip_special_tokens=True)
            for ids, mask in zip(input_ids, attention_mask, strict=True)
        ]
        rewards = torch.tensor(call_reward_function(function, texts), device=input_ids.device)
        return SimpleNamespace(hidden_states=(rewards[:, None, None].expand(*input_ids.shape, 1),))

    module = torch.nn.Module()
    module.base_model_prefix = "backbone"
    module.backbone = backbone
    module.score = torch.nn.Identity()
    module.reward_function = function
    return module


def score_responses(reward: Any, tokenizer: Any, queries: list[Any], responses: list[Any]) -> list[Any]:
    """Score each query with its response for the step API, where TRL leaves that to the caller.

    Args:
        reward: a function of texts, a sequence classifier with one label, or a value-head wrapper.
        tokenizer: turns ids to texts for a function.
        queries: one 1-D tensor of token ids each.
        responses: likewise, as many.

    Returns:
        One 0-D float tensor each: what a function gave, a classifier's logit, or the value at the last token.
    """
    torch = import_or_explain("torch")
    sequences = [torch.cat([query, response]) for query, response in zip(queries, responses, strict=True)]
    if is_reward_function(reward):
        texts = [tokenizer.decode(sequence, skip_special_tokens=True) for sequence in sequences]
        return [torch.tensor(score) for score in call_reward_function(reward, texts)]
    was_training = reward.training
    reward.eval()
    device = next(reward.parameters()).device
    scores = []
    with torch.no_grad():
        for sequence in sequences:  # one at a time: no padding, so no mask to get wrong
            output = reward(input_ids=sequence[None].to(device))
            score = output[2][0, -1] if is_value_head_wrapper(reward) else output.logits.reshape(-1)[0]
            scores.append(score.float().cpu())
    reward.train(was_training)
    return scores
