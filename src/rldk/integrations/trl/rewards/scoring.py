"""Reward models: functions of texts, sequence classifiers and value-head wrappers, on both APIs."""

from __future__ import annotations

import inspect
from types import SimpleNamespace
from typing import Any

from rldk.integrations.trl.models.generation_config import is_value_head_wrapper
from rldk.integrations.trl.models.value_head import encoder_inputs, is_encoder_decoder
from rldk.integrations.trl.releases.generations import import_or_explain
from rldk.integrations.trl.rewards.functions import RewardFunction, call_reward_function

_INSTEAD = "use AutoModelForSequenceClassification with num_labels=1, or a function of texts that calls the model"


def is_reward_function(reward: object) -> bool:
    """Whether ``reward`` is a plain function (or other callable) rather than a model or a class."""
    return callable(reward) and not hasattr(reward, "parameters") and not inspect.isclass(reward)


def check_reward_model(reward: Any) -> None:
    """Refuse what is neither a function nor a model.

    Raises:
        TypeError: one line says what to pass instead.
    """
    if is_reward_function(reward) or (hasattr(reward, "parameters") and not inspect.isclass(reward)):
        return
    if isinstance(reward, str):
        got = f"the name {reward!r}: pass AutoModelForSequenceClassification.from_pretrained(name, num_labels=1)"
    elif inspect.isclass(reward):
        got = f"the class {reward.__name__}: pass an instance of it"
    else:
        got = f"{type(reward).__name__}: pass one of these"
    raise TypeError(f"reward_model must be a function of texts or a model, got {got}")


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
        rewards = torch.tensor(call_reward_function(function, texts), dtype=torch.float32, device=input_ids.device)
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

    Raises:
        TypeError: the model gives something else than one score a text.
        RewardFunctionError, TypeError, ValueError: see `call_reward_function`.
    """
    torch = import_or_explain("torch")
    sequences = [torch.cat([query, response]) for query, response in zip(queries, responses, strict=True)]
    if is_reward_function(reward):
        texts = [tokenizer.decode(sequence, skip_special_tokens=True) for sequence in sequences]
        return [torch.tensor(score, dtype=torch.float32) for score in call_reward_function(reward, texts)]
    taken = inspect.signature(reward.forward).parameters
    if "input_ids" not in taken and all(parameter.kind != parameter.VAR_KEYWORD for parameter in taken.values()):
        raise TypeError(f"reward_model ({type(reward).__name__}) takes no input_ids: {_INSTEAD}")
    was_training = reward.training
    reward.eval()
    device = next(reward.parameters()).device
    try:
        with torch.no_grad():  # one at a time: no padding, so no mask to get wrong
            if is_encoder_decoder(reward):
                inputs = [encoder_inputs(reward, *pair) for pair in zip(queries, responses, strict=True)]
            else:
                inputs = [{"input_ids": sequence[None].to(device)} for sequence in sequences]
            return [_score(reward, each).float().cpu() for each in inputs]
    finally:
        reward.train(was_training)


def _score(reward: Any, inputs: dict[str, Any]) -> Any:
    output = reward(**inputs)
    if is_value_head_wrapper(reward):
        return output[2][0, -1]
    logits = getattr(output, "logits", None)
    if logits is None or logits.numel() != 1:
        got = f"logits of shape {tuple(logits.shape)}" if logits is not None else f"a {type(output).__name__}"
        raise TypeError(f"reward_model ({type(reward).__name__}) returned {got} for one text: {_INSTEAD}")
    return logits.reshape(())
