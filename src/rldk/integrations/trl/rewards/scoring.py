"""Score responses on both APIs with functions of texts, sequence classifiers and value-head wrappers."""

from __future__ import annotations

import inspect
from types import SimpleNamespace
from typing import Any

from rldk.integrations.trl.models.kinds import KnownModel
from rldk.integrations.trl.releases.importing import import_or_explain
from rldk.integrations.trl.rewards.functions import RewardFunction, call_reward_function

_INSTEAD = "use AutoModelForSequenceClassification with num_labels=1, or a function of texts that calls the model"


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


def score_responses(known: KnownModel, tokenizer: Any, queries: list[Any], responses: list[Any]) -> list[Any]:
    """Score each query with its response for the step API, where TRL leaves scoring to the caller.

    Args:
        known: A function of texts, a sequence classifier with one label, or a value-head wrapper.
        tokenizer: Decodes token ids into texts for a function.
        queries: One 1-D tensor of token ids per prompt.
        responses: One 1-D tensor of token ids per query.

    Returns:
        One 0-D float tensor per query: a function's reward, a classifier's logit, or the value at the last token.

    Raises:
        TypeError: The model does not return one score per text.
        RewardFunctionError, TypeError, ValueError: See `call_reward_function`.
    """
    torch = import_or_explain("torch")
    reward = known.given
    sequences = [torch.cat([query, response]) for query, response in zip(queries, responses, strict=True)]
    if known.is_function:
        texts = [tokenizer.decode(sequence, skip_special_tokens=True) for sequence in sequences]
        return [torch.tensor(score, dtype=torch.float32) for score in call_reward_function(reward, texts)]
    taken = inspect.signature(reward.forward).parameters
    if "input_ids" not in taken and all(parameter.kind != parameter.VAR_KEYWORD for parameter in taken.values()):
        raise TypeError(f"reward_model ({known.name}) does not take input_ids: {_INSTEAD}")
    was_training = reward.training
    reward.eval()
    device = next(reward.parameters()).device
    try:
        with torch.no_grad():  # one at a time, so there is no padding and no mask
            if known.is_encoder_decoder:
                inputs = [_encoder_inputs(known, *pair) for pair in zip(queries, responses, strict=True)]
            else:
                inputs = [{"input_ids": sequence[None].to(device)} for sequence in sequences]
            return [_score(known, each).float().cpu() for each in inputs]
    finally:
        reward.train(was_training)


def _score(known: KnownModel, inputs: dict[str, Any]) -> Any:
    output = known.given(**inputs)
    if known.is_wrapper:
        return output[2][0, -1]
    logits = getattr(output, "logits", None)
    if logits is None or logits.numel() != 1:
        got = f"logits of shape {tuple(logits.shape)}" if logits is not None else f"a {type(output).__name__}"
        raise TypeError(f"reward_model ({known.name}) returned {got} for one text: {_INSTEAD}")
    return logits.reshape(())


def _encoder_inputs(known: KnownModel, query: Any, response: Any) -> dict[str, Any]:
    """Return an encoder-decoder's inputs to score ``response`` to ``query``, both 1-D tensors of token ids.

    ``response`` does not include the decoder's start token. A wrapper reads the query in its encoder and the response
    in its decoder. A classifier's encoder reads both as one text. It scores the EOS token, so one is added in case the
    response was cut.
    """
    torch = import_or_explain("torch")
    config = known.inner.config
    device = next(known.given.parameters()).device
    if known.is_wrapper:
        start = response.new_tensor([config.decoder_start_token_id])
        inputs = {"input_ids": query, "decoder_input_ids": torch.cat([start, response])}
    else:
        end = response.new_tensor([config.eos_token_id])
        text = torch.cat([query, response])
        text = text[text != config.eos_token_id]
        inputs = {"input_ids": torch.cat([text, end])}
    return {name: ids[None].to(device) for name, ids in inputs.items()}
