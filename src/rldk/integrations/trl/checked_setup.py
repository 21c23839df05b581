"""A PPO setup as `validate_ppo_setup` looks at it, and what a look can find."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from rldk.integrations.trl.generations import Generation

Finding: TypeAlias = tuple[Literal["issue", "warning", "recommendation"], str]


@dataclass(frozen=True)
class CheckedSetup:
    """The parts, and the installed generation that they are held against."""

    generation: Generation
    model: Any
    ref_model: Any
    reward_model: Any
    value_model: Any
    tokenizer: Any
    config: Any
    train_dataset: Any

    @property
    def trl(self) -> str:
        """The installed release as messages name it."""
        return f"TRL {self.generation.version}"

    @property
    def is_train(self) -> bool:
        """Whether it has the train API."""
        return self.generation.api == "train"
