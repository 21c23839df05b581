"""Score responses on both APIs with functions of texts, sequence classifiers and value-head wrappers."""

from __future__ import annotations

import inspect
from types import SimpleNamespace
from typing import Any

from rldk.integrations.trl.models.kinds import KnownModel
from rldk.integrations.trl.releases.importing import import_or_explain
from rldk.integrations.trl.rewards.functions import RewardFunction, call_reward_function
from rldk.integrations.trl.rewards.models import score_with_model


def check_reward_model(known: KnownModel) -> None:
    """Reject a reward model that is neither a function nor a model.

    Raises:
        TypeError: It is neither. The message says what to pass instead.
    """
    if known.kind != "other":
        return
    reward = known.given
    if isinstance(reward, str):
        got = f"the name {reward!r}: pass AutoModelForSequenceClassification.from_pretrained(name, num_labels=1)"
    elif inspect.isclass(reward):
        got = f"the class {reward.__name__}: pass an instance"
    else:
        got = f"{type(reward).__name__}: pass one of these"
    raise TypeError(f"reward_model must be a function of texts or a model, got {got}")


def as_reward_module(function: RewardFunction, tokenizer: Any) -> Any:
    """Return a module that calls ``function`` and that the train API accepts as its reward model.

    TRL reads ``modules``, ``to``, ``base_model_prefix``, the backbone under that prefix and ``score`` from a reward
    model (``'function' object has no attribute 'modules'``, huggingface/trl#2273, #2518). The backbone here decodes
    token ids into texts and returns the rewards in place of hidden states; ``score`` passes them through.
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


def score_responses(
    known: KnownModel, tokenizer: Any, queries: list[Any], responses: list[Any], rows: int = 1
) -> list[Any]:
    """Score each query with its response for the step API, where TRL leaves scoring to the caller.

    Args:
        known: A function of texts, a sequence classifier with one label, or a value-head wrapper.
        tokenizer: Decodes token ids into texts for a function.
        queries: One 1-D tensor of token ids per prompt.
        responses: One 1-D tensor of token ids per query.
        rows: The most texts that a model scores in one forward pass.

    Returns:
        One 0-D float tensor per query: a function's reward, a classifier's logit, or the value at the last token.

    Raises:
        TypeError: The model does not return one score per text.
        RewardFunctionError, TypeError, ValueError: See `call_reward_function`.
    """
    if not known.is_function:
        return score_with_model(known, queries, responses, rows)
    torch = import_or_explain("torch")
    sequences = [torch.cat([query, response]) for query, response in zip(queries, responses, strict=True)]
    texts = [tokenizer.decode(sequence, skip_special_tokens=True) for sequence in sequences]
    return [torch.tensor(score, dtype=torch.float32) for score in call_reward_function(known.given, texts)]
