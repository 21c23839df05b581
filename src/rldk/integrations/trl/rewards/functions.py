"""Call a reward function of texts, and hold it to what PPO needs: one finite float a text."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

RewardFunction: TypeAlias = Callable[[list[str]], Sequence[float]]

# TRL holds scores in float32, where what is larger becomes infinite.
_LARGEST = 3.4028234663852886e38
_SHOWN = 300


class RewardFunctionError(RuntimeError):
    """A reward function raised an exception, which is this one's ``__cause__``."""

    def __init__(self, message: str, text: str, texts: list[str]) -> None:
        super().__init__(message)
        self.text = text
        """The text that caused it; where none of them does alone, the first."""
        self.texts = texts
        """All texts of the call."""

    def __reduce__(self) -> tuple[Any, ...]:  # exceptions are pickled by their message alone
        return (type(self), (str(self), self.text, self.texts))


def call_reward_function(function: RewardFunction, texts: list[str]) -> list[float]:
    """Call a reward function once for all ``texts`` and check what it returns.

    Args:
        function: from a list of texts to a list, tuple, NumPy array, tensor or pandas Series of as many numbers;
            arrays may have shape ``(n,)`` or ``(n, 1)``.
        texts: of the responses with their prompts.

    Raises:
        RewardFunctionError: it raised an exception. To name the text that caused it, the function is then called
            with one text at a time until that exception comes again.
        TypeError: it returned something else than numbers, such as None, a pipeline's dicts or a coroutine.
        ValueError: it returned another number of rewards than texts, or one that is not finite in float32.
    """
    name = _name(function)
    try:
        returned = function(list(texts))
    except Exception as error:
        raise _explained(function, name, texts, error) from error
    rewards = _numbers(name, returned, len(texts))
    if len(rewards) != len(texts):
        raise ValueError(
            f"reward function {name} returned {len(rewards)} rewards for {len(texts)} texts: return one float a text"
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


def _explained(function: RewardFunction, name: str, texts: list[str], error: Exception) -> RewardFunctionError:
    lines = str(error).strip().splitlines()
    raised = f"reward function {name} raised {type(error).__name__}{f': {lines[0]}' if lines else ''}"
    for number, text in enumerate(texts, start=1):
        try:
            function([text])
        except type(error):
            where = f"for text {number} of {len(texts)}, {_show(text)}"
            return RewardFunctionError(f"{raised} ({where}): mend the function for such a text", text, list(texts))
        except Exception:  # another one, which says nothing of the first
            break
    where = f"for {len(texts)} texts together and for none alone, the first is {_show(texts[0])}"
    return RewardFunctionError(f"{raised} ({where}): mend the function for such a batch", texts[0], list(texts))


def _numbers(name: str, returned: Any, count: int) -> list[float]:
    wanted = f"return a list of {count} floats, one a text"
    problem = _problem(returned, wanted)
    if problem is None and hasattr(returned, "tolist"):  # NumPy, torch, pandas
        shape = tuple(returned.shape)
        values = returned.tolist()
        if len(shape) == 2 and shape[1] == 1:  # noqa: PLR2004  # what a classifier with one label gives
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
    """What is wrong with what was returned as a whole, or None where it holds values one after another."""
    kind = f"a {type(returned).__name__}"
    if inspect.isawaitable(returned) or inspect.isasyncgen(returned):
        if inspect.iscoroutine(returned):
            returned.close()  # else Python warns that nobody awaited it
        return f"{kind}: give a plain function, which may call asyncio.run, instead of an async one"
    if hasattr(returned, "logits"):
        return f"{kind}: return its .logits[:, 0].tolist() instead"
    if hasattr(returned, "__next__"):
        return f"{kind}: return list(...) of it"
    if isinstance(returned, Sequence) or hasattr(returned, "tolist"):
        return f"{kind}: {wanted}" if isinstance(returned, str | bytes) else None
    if returned is None:
        kind = "None"
    return f"{kind if _number(returned) is None else 'a single number'}: {wanted}"


def _number(value: Any) -> float | None:
    if isinstance(value, str | bytes):  # float("0.5") would do, and hide a mistake
        return None
    try:
        value = value.item() if hasattr(value, "item") else value
        return None if isinstance(value, str | bytes) or not hasattr(value, "__float__") else float(value)
    except (TypeError, ValueError, RuntimeError):  # an array of several numbers has no item()
        return None
    except OverflowError:  # an int beyond all floats
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
        return "return a flat list, one float a text"
    return "return one float a text"
