"""Reward functions that ask for what they need by parameter name, as the reward functions of TRL's GRPO do."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from rldk.integrations.trl.rewards.weighted import WeightedRewards

TEXTS = "texts"
GENERATED = ("prompts", "completions", "prompt_ids", "completion_ids")
"""What a rollout provides. All other names are columns of the dataset."""

_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


@dataclass(frozen=True)
class Asked:
    """The parameters of a reward function that is called by name."""

    required: frozenset[str]
    optional: frozenset[str]
    everything: bool
    """Whether it takes ``**kwargs``, which receives all columns."""

    def columns(self, available: Collection[str]) -> list[str]:
        """Return the names of the dataset's columns to keep for it."""
        named = (self.required | self.optional) - {TEXTS, *GENERATED}
        return [column for column in available if self.everything or column in named]

    def missing(self, available: Collection[str]) -> list[str]:
        """Return the names that it requires and that are not available."""
        return sorted(self.required - {TEXTS, *GENERATED} - set(available))

    def arguments(self, values: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
        """Choose its arguments from the values that are there."""
        named = self.required | self.optional
        return {name: list(value) for name, value in values.items() if self.everything or name in named}


def asked_by(function: Callable[..., Any]) -> Asked | None:
    """Return what a reward function asks for by name, or None if it takes one list of texts.

    A function is called by name if it has a parameter ``prompts``, ``completions``, ``prompt_ids`` or
    ``completion_ids``, or more than one required parameter.
    """
    if isinstance(function, WeightedRewards):
        parts = [asked for asked in map(asked_by, function.weights) if asked is not None]
        if not parts:
            return None
        names = frozenset[str]()
        return Asked(
            names.union(*(part.required for part in parts)),
            names.union(*(part.optional for part in parts)),
            any(part.everything for part in parts),
        )
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # a builtin without a signature
        return None
    named = [p for p in parameters if p.kind in _NAMED]
    required = frozenset(p.name for p in named if p.default is inspect.Parameter.empty)
    if len(required) < 2 and not any(p.name in GENERATED for p in named):  # noqa: PLR2004  # one: the texts
        return None
    everything = any(p.kind == inspect.Parameter.VAR_KEYWORD for p in parameters)
    return Asked(required, frozenset(p.name for p in named) - required, everything)


def asked_by_model(reward_model: Any) -> Asked | None:
    """Return what a reward model asks for by name: a function, or the module of `as_reward_module` around it."""
    function = getattr(reward_model, "reward_function", reward_model)
    return asked_by(function) if callable(function) and not hasattr(function, "parameters") else None


def missing_columns(missing: Collection[str], available: Collection[str], dataset: str = "the dataset") -> str:
    """Return the rest of a message that begins with the name of a reward function."""
    columns = ", ".join(sorted(set(available) - {TEXTS, *GENERATED, "input_ids", "attention_mask"})) or "none"
    return (
        f"asks for {', '.join(missing)}, but {dataset} has no such column (columns: {columns}): rename the parameter "
        f"or add the column; {', '.join(GENERATED)} are always there"
    )
