"""A PPO setup as `validate_ppo_setup` checks it, and the findings of the checks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple

from rldk.integrations.trl.data.token_ids import TokenIds, token_ids_of
from rldk.integrations.trl.models.kinds import KnownModel, classify
from rldk.integrations.trl.models.tokenizers import KnownTokenizer, classify_tokenizer
from rldk.integrations.trl.releases.deepspeed import whole_shape
from rldk.integrations.trl.releases.generations import Generation
from rldk.integrations.trl.rewards.by_name import Asked, asked_by_model
from rldk.integrations.trl.rewards.weighted import combined


class Finding(NamedTuple):
    """One thing that a check found."""

    level: Literal["issue", "warning", "recommendation"]
    text: str
    failure: str | None = None
    """The id of the failure in the catalogue (`failures`) that would follow, if there is one."""


@dataclass(frozen=True)
class CheckedSetup:
    """The parts of a setup and the generation that they are checked for.

    A part is classified when a check first reads it. If an odd object raises then, that check reports it.
    """

    generation: Generation
    model: Any
    ref_model: Any
    reward_model: Any
    value_model: Any
    tokenizer: Any
    config: Any
    train_dataset: Any
    eval_dataset: Any = None

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
        """``reward_model``, classified. A dict of functions and weights is one function."""
        return classify(combined(self.reward_model))

    @cached_property
    def asked(self) -> Asked | None:
        """What the reward function asks for by name, if it does."""
        return asked_by_model(self.reward.given)

    @cached_property
    def value(self) -> KnownModel:
        """``value_model``, classified."""
        return classify(self.value_model)

    @cached_property
    def known_tokenizer(self) -> KnownTokenizer:
        """``tokenizer``, classified."""
        return classify_tokenizer(self.tokenizer)

    @cached_property
    def train_ids(self) -> TokenIds:
        """The token ids of ``train_dataset``, which two checks read."""
        return token_ids_of(self.train_dataset)

    @property
    def trl(self) -> str:
        """The installed release, for messages."""
        return f"TRL {self.generation.version}"

    @property
    def is_train(self) -> bool:
        """Whether the generation has the train API."""
        return self.generation.api == "train"

    @property
    def has_its_config(self) -> bool:
        """Whether the config has the class that this generation's trainer takes."""
        return self.generation.owns(self.config)


def vocabulary_size(known: KnownModel) -> int | None:
    """Return how many token ids a model has embeddings for; None if that is unknown."""
    if not hasattr(known.inner, "get_input_embeddings"):
        return None
    rows = whole_shape(known.inner.get_input_embeddings().weight)[0]
    return rows if isinstance(rows, int) and rows > 0 else None  # 0 in a sharded model
