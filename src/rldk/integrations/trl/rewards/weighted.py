"""Several reward functions as one: the weighted sum of their rewards."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any


def combined(reward: Any) -> Any:
    """Return a dict of reward functions and weights as one function, and anything else unchanged."""
    return WeightedRewards(reward) if isinstance(reward, Mapping) else reward


class WeightedRewards:
    """The sum of the rewards of several functions, each times its weight.

    Args:
        weights: The weight of each function.

    Raises:
        TypeError: A key is not a function, or a weight is not a number.
        ValueError: There are no functions, or a weight is not finite.
    """

    def __init__(self, weights: Mapping[Callable[..., Any], float]) -> None:
        if not weights:
            raise ValueError("reward_model is an empty dict: pass a function, or a dict of functions and weights")
        for function, weight in weights.items():
            if not callable(function) or inspect.isclass(function) or hasattr(function, "parameters"):
                raise TypeError(
                    f"reward_model has a {type(function).__name__} as a key: use functions as keys; a function may "
                    f"call a model"
                )
            if isinstance(weight, bool) or not isinstance(weight, int | float):
                raise TypeError(f"reward_model has the weight {weight!r} for {function}: use a number")
            if not math.isfinite(weight):
                raise ValueError(f"reward_model has the weight {weight} for {function}: use a finite number")
        self.weights = dict(weights)
        self.__name__ = " + ".join(getattr(function, "__name__", type(function).__name__) for function in weights)

    def __call__(self, texts: list[str]) -> list[float]:
        """Return the weighted sums, for functions of texts."""
        return self.sum(lambda function: function(texts))

    def sum(self, rewards_of: Callable[[Callable[..., Any]], Sequence[float]]) -> list[float]:
        """Return the weighted sum for each text of what ``rewards_of`` returns for each function."""
        weighted = [[weight * reward for reward in rewards_of(part)] for part, weight in self.weights.items()]
        return [sum(of_text) for of_text in zip(*weighted, strict=True)]
