"""Score responses on both APIs with functions of texts, sequence classifiers and value-head wrappers."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, Protocol

from rldk.integrations.trl.models.kinds import KnownModel
from rldk.integrations.trl.releases.deepspeed import uses_deepspeed
from rldk.integrations.trl.releases.importing import import_or_explain
from rldk.integrations.trl.rewards.by_name import asked_by
from rldk.integrations.trl.rewards.functions import rewards_of
from rldk.integrations.trl.rewards.models import check_takes_ids, score_with_model


def check_reward_model(known: KnownModel) -> None:
    """Reject a reward model that is neither a function nor a model that takes token ids.

    Raises:
        TypeError: It is neither. The message says what to pass instead.
    """
    if known.kind == "plain" and hasattr(known.given, "forward"):
        check_takes_ids(known)
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


def needs_adapter(known: KnownModel) -> bool:
    """Whether the train API can read no scores from a reward model that returns one score per row.

    TRL reads ``base_model_prefix``, the backbone under that prefix and ``score`` (``'function' object has no attribute
    'modules'``, huggingface/trl#2273, #2518). A language model returns no scores, whatever is around it.
    """
    model = known.given
    if known.is_function:
        return True
    prefix = getattr(model, "base_model_prefix", None)
    readable = isinstance(prefix, str) and bool(prefix) and hasattr(model, prefix) and hasattr(model, "score")
    is_language_model = getattr(model, "get_output_embeddings", lambda: None)() is not None
    return not readable and not is_language_model and getattr(getattr(model, "config", None), "num_labels", 1) == 1


class _Scored(Protocol):
    """The batch that is scored, with the columns of its dataset."""

    def take(self, count: int) -> tuple[int, dict[str, list[Any]]]: ...


def as_reward_module(known: KnownModel, tokenizer: Any, scored: _Scored | None = None) -> Any:
    """Return a module that calls a function of texts, or a module that scores rows, and that the train API accepts.

    Its backbone returns the rewards in place of hidden states, and ``score`` passes them through. Padding is removed
    before texts and rows are scored.

    Args:
        known: The function or the module.
        tokenizer: Decodes token ids into texts for a function.
        scored: The batch, for a function that asks for what it needs by name. TRL passes only token ids.
    """
    torch = import_or_explain("torch")

    def backbone(input_ids: Any, attention_mask: Any, **_: Any) -> SimpleNamespace:
        width, columns = (input_ids.shape[1], {}) if scored is None else scored.take(len(input_ids))
        prompts, responses = (
            [ids[mask.bool()] for ids, mask in zip(input_ids[:, of], attention_mask[:, of], strict=True)]
            for of in (slice(width), slice(width, None))
        )
        scores = score_responses(known, tokenizer, prompts, responses, len(input_ids), columns)
        rewards = torch.stack(scores).to(input_ids.device)
        return SimpleNamespace(hidden_states=(rewards[:, None, None].expand(*input_ids.shape, 1),))

    module = torch.nn.Module()
    module.base_model_prefix = "backbone"
    module.backbone = backbone
    module.score = torch.nn.Identity()
    if uses_deepspeed():
        # TRL makes an engine for every reward model. It reads `config`, and ZeRO-3 reads the first parameter.
        module.config = SimpleNamespace()
        module.unused = torch.nn.Parameter(torch.zeros(1), requires_grad=False)
    if known.is_function:
        module.reward_function, module.scored_batch = known.given, scored
    else:
        module.scorer = known.given  # a part of the module, so that TRL moves it to its device
        if hasattr(known.given, "get_input_embeddings"):  # `validate_ppo_setup` compares the vocabulary
            module.get_input_embeddings = known.given.get_input_embeddings
    return module


def score_responses(
    known: KnownModel,
    tokenizer: Any,
    queries: list[Any],
    responses: list[Any],
    rows: int = 1,
    columns: Mapping[str, list[Any]] | None = None,
) -> list[Any]:
    """Score each query with its response.

    Args:
        known: A function of texts, a sequence classifier with one label, or a value-head wrapper.
        tokenizer: Decodes token ids into texts for a function.
        queries: One 1-D tensor of token ids per prompt.
        responses: One 1-D tensor of token ids per query.
        rows: The most texts that a model scores in one forward pass.
        columns: The dataset's own columns, one entry per query in each list, for a function that asks for them.

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
    by_name: dict[str, list[Any]] = {}
    if asked_by(known.given) is not None:
        for part, ids in (("prompt", queries), ("completion", responses)):
            by_name[f"{part}s"] = [tokenizer.decode(one, skip_special_tokens=True) for one in ids]
            by_name[f"{part}_ids"] = [one.tolist() for one in ids]
    rewards = rewards_of(known.given, texts, {**(columns or {}), **by_name})
    return [torch.tensor(reward, dtype=torch.float32) for reward in rewards]
