"""What shows that the library fixes a failure of the catalogue: registered by `fixes`, kept in `FIXES`."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from raw_program import RawTRL

from rldk.integrations.trl import create_ppo_config, create_ppo_trainer, run_ppo


@dataclass(frozen=True)
class Fix:
    """The function that fixes it, and the program that fails unless it does."""

    by: str
    check: Callable[[RawTRL], None]


FIXES: dict[str, Fix] = {}


def fixes(failure: str, by: Callable[..., Any]) -> Callable[[Any], Any]:
    """The decorated function trains what fails on TRL alone, and asserts that what the failure was about works."""

    def register(check: Callable[[RawTRL], None]) -> Callable[[RawTRL], None]:
        assert failure not in FIXES
        FIXES[failure] = Fix(by.__name__, check)
        return check

    return register


def config_of(raw: RawTRL, *, train: bool = False, **options: Any) -> Any:
    """The library's config for updates of two prompts; ``train``: of the train API, be it PPOv2Trainer's."""
    small = {"per_device_train_batch_size": 2, "total_episodes": 8, "num_ppo_epochs": 1, "response_length": 4}
    options = {"learning_rate": 1e-2, "save_strategy": "no", **small, **options}
    return create_ppo_config(str(raw.output_dir / "ours"), api="train" if train else None, **options)


class Weights:
    """The weights of some models as they are now, to be told later whether one was trained."""

    def __init__(self, *models: Any) -> None:
        self.before = {id(weight): weight.detach().clone() for model in models for weight in model.parameters()}

    def moved(self, model: Any) -> list[str]:
        """The names of the weights that are no longer what they were."""
        return [name for name, one in model.named_parameters() if not one.equal(self.before[id(one)])]


def distinct_letters(texts: list[str]) -> list[float]:
    return [len(set(text)) / 10 for text in texts]


class OurRun:
    """A trainer of ``create_ppo_trainer`` with these parts, the others that it needs as small as can be."""

    def __init__(self, raw: RawTRL, *, name: Path | None = None, train: bool = False, **parts: Any) -> None:
        self.texts: list[list[str]] = []
        ours = {"config": config_of(raw, train=train), "train_dataset": raw.prompts(), "reward_model": self.reward}
        if name is None:
            ours |= {"model": raw.policy(), "tokenizer": raw.tokenizer}
        ours |= parts
        folder = None if name is None else str(name)
        self.trainer = create_ppo_trainer(folder, ours.pop("config"), ours.pop("train_dataset"), **ours)
        whole = self.trainer.accelerator.unwrap_model(self.trainer.model)
        self.policy = getattr(whole, "policy", whole)
        self.value_model = getattr(whole, "value_model", None)
        self.ref_model = getattr(self.trainer, "ref_policy", None) or self.trainer.ref_model
        models = (whole, self.ref_model) if self.ref_model is not None else (whole,)
        self.weights = Weights(*models)

    def reward(self, texts: list[str]) -> list[float]:
        self.texts.append(texts)
        return distinct_letters(texts)

    def train(self, updates: int = 1) -> OurRun:
        self.updates = run_ppo(self.trainer, updates)
        assert len(self.updates) == updates
        assert all(math.isfinite(number) for update in self.updates for number in update.values())
        assert self.weights.moved(self.policy)
        return self


def trained_by_trl(raw: RawTRL, train: bool = True, **parts: Any) -> Any:
    """TRL's own trainer after it trained these parts, policy and config if not given."""
    policy = parts.setdefault("model", raw.policy() if train else raw.wrapper())
    # Two updates: PPOv2Trainer of 0.9.2-0.9.6 learns nothing in the last.
    parts.setdefault("config", raw.train_config(total_episodes=4) if train else raw.step_config())
    weights = Weights(policy)
    with raw.workarounds():
        trainer = (raw.train if train else raw.step)(**parts)
    assert weights.moved(policy)
    return trainer


def start_with_prompts(texts: list[str], prompts: Any, tokenizer: Any) -> bool:
    beginnings = tuple(tokenizer.decode(ids) for ids in prompts["input_ids"])
    return all(text.startswith(beginnings) for text in texts)
