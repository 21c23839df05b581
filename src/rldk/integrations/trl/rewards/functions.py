"""Call a reward function of texts and check that it returns what PPO needs: one finite float per text."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from rldk.integrations.trl.releases.quiet import callers_warnings
from rldk.integrations.trl.rewards.by_name import TEXTS, asked_by, missing_columns
from rldk.integrations.trl.rewards.weighted import WeightedRewards

RewardFunction: TypeAlias = Callable[..., Sequence[float]]

# TRL keeps scores in float32, where larger numbers become infinite.
_LARGEST = 3.4028234663852886e38
_SHOWN = 300


class RewardFunctionError(RuntimeError):
    """A reward function raised an exception. That exception is the ``__cause__`` of this one."""

    def __init__(self, message: str, text: str, texts: list[str]) -> None:
        super().__init__(message)
        self.text = text
        """The text that caused it, if that is known; otherwise the first text of the call."""
        self.texts = texts
        """All texts of the call."""

    def __reduce__(self) -> tuple[Any, ...]:  # pickle would keep only the message
        return (type(self), (str(self), self.text, self.texts))


def rewards_of(function: RewardFunction, texts: list[str], by_name: Mapping[str, list[Any]]) -> list[float]:
    """Call a reward function, or each of several and add up their weighted rewards. See `call_reward_function`."""
    if isinstance(function, WeightedRewards):
        return function.sum(lambda part: call_reward_function(part, texts, by_name))
    return call_reward_function(function, texts, by_name)


def call_reward_function(
    function: RewardFunction, texts: list[str], by_name: Mapping[str, list[Any]] | None = None
) -> list[float]:
    """Call a reward function once for all ``texts`` and check what it returns.

    Args:
        function: Takes a list of texts, or what it asks for by name (see `asked_by`), and returns as many numbers in
            a list, tuple, NumPy array, tensor or pandas Series. Arrays may have shape ``(n,)`` or ``(n, 1)``.
        texts: The prompts with their responses.
        by_name: What a function can ask for besides the texts, one entry per text in each list.

    Raises:
        RewardFunctionError: The function raised an exception. It is not called again. The error names one text if
            that is the only one, or if the exception carries it; otherwise it names the batch.
        TypeError: It returned something other than numbers, such as None, the dicts of a pipeline or a coroutine; or
            it asks for a column that the dataset does not have.
        ValueError: It returned more or fewer rewards than texts, or a reward that is not finite in float32.
    """
    name = _name(function)
    asked, values = asked_by(function), {TEXTS: texts, **(by_name or {})}
    if asked is not None and (missing := asked.missing(values)):
        raise TypeError(f"reward function {name} {missing_columns(missing, values)}")
    try:
        with callers_warnings():
            returned = function(list(texts)) if asked is None else function(**asked.arguments(values))
    except Exception as error:
        raise _explained(name, texts, error) from error
    rewards = _numbers(name, returned, len(texts))
    if len(rewards) != len(texts):
        raise ValueError(
            f"reward function {name} returned {len(rewards)} rewards for {len(texts)} texts: return one float per text"
        )
    for text, reward in zip(texts, rewards, strict=True):
        if not math.isfinite(reward) or abs(reward) > _LARGEST:
            raise ValueError(f"reward function {name} returned {reward} for {_show(text)}: return a finite float")
    return rewards


def _name(function: Any) -> str:
    while isinstance(function, functools.partial):
        function = function.func
    return str(getattr(function, "__name__", type(function).__name__))


def _show(text: str) -> str:
    return repr(text) if len(text) <= _SHOWN else f"{text[:_SHOWN]!r}... ({len(text)} characters)"


def _explained(name: str, texts: list[str], error: Exception) -> RewardFunctionError:
    lines = str(error).strip().splitlines()
    raised = f"reward function {name} raised {type(error).__name__}{f': {lines[0]}' if lines else ''}"
    # An exception carries a text as an argument (`KeyError(text)`) or as its attribute `text`.
    carried = [part for part in (*error.args, getattr(error, "text", None)) if isinstance(part, str)]
    known = texts if len(texts) == 1 else [text for text in texts if text in carried]
    if len(known) == 1:
        where = f"for text {texts.index(known[0]) + 1} of {len(texts)}, {_show(known[0])}"
        return RewardFunctionError(f"{raised} ({where}): fix the function for this text", known[0], list(texts))
    where = f"for a batch of {len(texts)} texts; the first text is {_show(texts[0])}"
    return RewardFunctionError(f"{raised} ({where}): fix the function for this batch", texts[0], list(texts))


def _numbers(name: str, returned: Any, count: int) -> list[float]:
    wanted = f"return a list of {count} floats, one per text"
    problem = _problem(returned, wanted)
    if problem is None and hasattr(returned, "tolist"):  # NumPy, torch, pandas
        shape = tuple(returned.shape)
        values = returned.tolist()
        if len(shape) == 2 and shape[1] == 1:  # noqa: PLR2004  # from a classifier with one label
            values = [value for (value,) in values]
        elif len(shape) != 1:
            problem = f"{f'an array of shape {shape}' if shape else 'a single number'}: {wanted}"
    elif problem is None:
        values = list(returned)
    if problem is not None:
        raise TypeError(f"reward function {name} returned {problem}")
    rewards = []
    for number, value in enumerate(values, start=1):
        reward = _number(value)
        if reward is None:
            raise TypeError(f"reward function {name} returned {_kind(value)} as reward {number}: {_instead(value)}")
        rewards.append(reward)
    return rewards


def _problem(returned: Any, wanted: str) -> str | None:
    """Return what is wrong with the returned object as a whole, or None if it is a sequence of values."""
    kind = f"a {type(returned).__name__}"
    if inspect.isawaitable(returned) or inspect.isasyncgen(returned):
        if inspect.iscoroutine(returned):
            returned.close()  # else Python warns that it was never awaited
        return f"{kind}: use a plain function instead of an async one; it may call asyncio.run"
    if hasattr(returned, "logits"):
        return f"{kind}: return its .logits[:, 0].tolist() instead"
    if hasattr(returned, "__next__"):
        return f"{kind}: return a list instead, list(...)"
    if isinstance(returned, Sequence) or hasattr(returned, "tolist"):
        return f"{kind}: {wanted}" if isinstance(returned, str | bytes) else None
    if returned is None:
        kind = "None"
    return f"{kind if _number(returned) is None else 'a single number'}: {wanted}"


def _number(value: Any) -> float | None:
    if isinstance(value, str | bytes):  # float("0.5") would work and hide a mistake
        return None
    try:
        value = value.item() if hasattr(value, "item") else value
        return None if isinstance(value, str | bytes) or not hasattr(value, "__float__") else float(value)
    except (TypeError, ValueError, RuntimeError):  # an array of several numbers has no item()
        return None
    except OverflowError:  # an int larger than any float
        return math.inf


def _kind(value: Any) -> str:
    if value is None:
        return "None"
    return f"a string, {_show(value)}," if isinstance(value, str) else f"a {type(value).__name__}"


def _instead(value: Any) -> str:
    if isinstance(value, Mapping) and "score" in value:  # transformers' text-classification pipeline
        return "return [answer['score'] for answer in answers]"
    if isinstance(value, Sequence) and value and isinstance(value[0], Mapping):  # the same, with all labels
        return "return [answers_of_text[0]['score'] for answers_of_text in answers]"
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return "return a flat list, one float per text"
    return "return one float per text"
