"""A PPO setup as `validate_ppo_setup` looks at it, and what a look can find."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple

from rldk.integrations.trl.models.kinds import KnownModel, classify
from rldk.integrations.trl.models.tokenizers import KnownTokenizer, classify_tokenizer
from rldk.integrations.trl.releases.generations import Generation


class Finding(NamedTuple):
    """One thing that a look found."""

    level: Literal["issue", "warning", "recommendation"]
    text: str
    failure: str | None = None
    """The id of the catalogue's entry that would follow (`failures`), where there is one."""


@dataclass(frozen=True)
class CheckedSetup:
    """The parts, and the generation that they are checked for.

    A part is classified when a check first asks for it: an odd object may raise, and then that check says so.
    """

    generation: Generation
    model: Any
    ref_model: Any
    reward_model: Any
    value_model: Any
    tokenizer: Any
    config: Any
    train_dataset: Any

    @cached_property
    def policy(self) -> KnownModel:
        """``model``, classified."""
        return classify(self.model)

    @cached_property
    def reference(self) -> KnownModel:
        """``ref_model``, classified."""
        return classify(self.ref_model)

    @cached_property
    def reward(self) -> KnownModel:
        """``reward_model``, classified."""
        return classify(self.reward_model)

    @cached_property
    def value(self) -> KnownModel:
        """``value_model``, classified."""
        return classify(self.value_model)

    @cached_property
    def known_tokenizer(self) -> KnownTokenizer:
        """``tokenizer``, classified."""
        return classify_tokenizer(self.tokenizer)

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
        return self.generation.owns(self.config)


def vocabulary_size(known: KnownModel) -> int | None:
    """How many token ids a model has embeddings for; None where that cannot be seen."""
    if not hasattr(known.inner, "get_input_embeddings"):
        return None
    rows = known.inner.get_input_embeddings().weight.shape[0]
    return rows if isinstance(rows, int) and rows > 0 else None  # a sharded model has none of them here
