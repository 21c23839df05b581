"""A PPO setup as `validate_ppo_setup` looks at it, and what a look can find."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from rldk.integrations.trl.models.generation_config import is_value_head_wrapper
from rldk.integrations.trl.releases.generations import Generation


class Finding(NamedTuple):
    """One thing that a look found."""

    level: Literal["issue", "warning", "recommendation"]
    text: str
    failure: str | None = None
    """The id of the catalogue's entry that would follow (`failures`), where there is one."""


@dataclass(frozen=True)
class CheckedSetup:
    """The parts, and the generation that they are held against."""

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

    @property
    def has_its_config(self) -> bool:
        """Whether the config is of the class that this generation's trainer takes."""
        return isinstance(self.config, self.generation.config)


def vocabulary_size(model: Any) -> int | None:
    """How many token ids a model has embeddings for; None where that cannot be seen."""
    inner = model.pretrained_model if is_value_head_wrapper(model) else model
    if not hasattr(inner, "get_input_embeddings"):
        return None
    rows = inner.get_input_embeddings().weight.shape[0]
    return rows if isinstance(rows, int) and rows > 0 else None  # a sharded model has none of them here
