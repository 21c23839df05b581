"""`PPOSetup`: everything that one PPO run needs, small, seeded and isolated from other tests."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rldk.integrations.trl import create_ppo_config, create_ppo_trainer, prepare_models_for_ppo, run_ppo
from rldk.integrations.trl.data.random_state import RandomState
from rldk.integrations.trl.models.load import load_classifier
from rldk.integrations.trl.releases.main_process import process_count
from rldk.integrations.trl.releases.quiet import third_party_warnings
from rldk_trl.plugin.isolation import preserved_random_state, seed_everything
from rldk_trl.plugin.release import TRLRelease

_DEFAULTS: dict[str, Any] = {
    "learning_rate": 1e-3,
    "num_ppo_epochs": 2,
    "per_device_train_batch_size": 4,
    "gradient_accumulation_steps": 1,
    "num_mini_batches": 1,
    "response_length": 8,
}
_PLANNED_UPDATES = 8

_PROMPTS = (
    "the cat sat on the mat and",
    "you are in the house of the",
    "this is the story of a good",
    "on the other hand, the river",
    "what is the colour of the sky",
    "and then the train came in to",
    "in the morning there was the",
    "she said to the old man that",
)
_PROMPT_LENGTH = 8


@dataclass
class PPOSetup:
    """The parts of one PPO run on the installed TRL release, fresh for each test."""

    release: TRLRelease
    model: Any
    """The policy: a value-head wrapper (step API) or a causal language model (train API)."""
    ref_model: Any
    reward_model: Any
    """A sequence classifier with one label, or the reward that the test passed."""
    value_model: Any
    """A sequence classifier with one label (train API), or None (step API: the policy has its own value head)."""
    tokenizer: Any
    config: Any
    """The release's own ``PPOConfig``."""
    train_dataset: Any
    """A ``datasets.Dataset`` of ``input_ids``: prompts of one length, 8 tokens or fewer."""
    output_dir: Path
    seed: int
    _trainer: Any = field(default=None, init=False, repr=False)
    _random_state: Any = field(default=None, init=False, repr=False)

    def create_trainer(self, **overrides: Any) -> Any:
        """Make a new ``PPOTrainer`` from these parts. `train` runs the trainer made last.

        Random numbers are seeded afterwards, as TRL's own constructors do, so the run that follows is always the
        same. The test's random state is restored when the test ends.

        Args:
            **overrides: arguments of ``create_ppo_trainer`` that replace or extend this setup's.

        Raises:
            TypeError: ``create_ppo_trainer`` or this release's ``PPOTrainer`` does not accept an argument.
            ValueError: the parts do not work with the installed release.
        """
        arguments = {
            "model_name": None,
            "ppo_config": self.config,
            "train_dataset": self.train_dataset,
            "model": self.model,
            "ref_model": self.ref_model,
            "reward_model": self.reward_model,
            "value_model": self.value_model,
            "tokenizer": self.tokenizer,
        }
        self._trainer = create_ppo_trainer(**(arguments | overrides))
        seed_everything(self.seed)
        self._random_state = RandomState.capture()
        return self._trainer

    def train(self, steps: int = 1) -> list[Any]:
        """Run PPO updates with the trainer made last, or with a new one. Another call continues from there.

        The random state of the test is neither used nor changed, so the same seed gives the same run.

        Args:
            steps: number of updates.

        Returns:
            What ``run_ppo`` returns: one dict of metrics per update.
        """
        with preserved_random_state():
            if self._trainer is None:
                self.create_trainer()
            self._random_state.restore()
            try:
                return list(run_ppo(self._trainer, steps))
            finally:
                self._random_state = RandomState.capture()


def build_setup(
    release: TRLRelease, model_name: str, reward: Any, seed: int, options: dict[str, Any], output_dir: Path
) -> PPOSetup:
    """Load models, tokenizer and prompts with ``seed``, and leave the caller's random state unchanged.

    Args:
        release: the installed release.
        model_name: a Hub id or a folder.
        reward: a function from texts to floats, a model, or None for a sequence classifier with a fresh head.
        seed: seed of fresh weights and of the run.
        options: options of ``create_ppo_config``; they override the small defaults.
        output_dir: where the trainer writes.

    Raises:
        TypeError: the installed release does not support an option.
        ImportError: TRL is missing, broken or has no PPO.
    """
    with third_party_warnings(), preserved_random_state():
        options = {**_DEFAULTS, "seed": seed, **options}
        batch = 1
        for name in ("per_device_train_batch_size", "gradient_accumulation_steps", "num_mini_batches"):
            batch *= options[name]
        batch *= process_count()  # these options are per process
        options.setdefault("total_episodes", _PLANNED_UPDATES * batch)
        config = create_ppo_config(output_dir=str(output_dir), **options)
        seed_everything(seed)
        models = prepare_models_for_ppo(model_name)
        value_model = load_classifier(model_name, models.tokenizer).given if release.value_model_required else None
        return PPOSetup(
            release=release,
            model=models.model,
            ref_model=models.ref_model,
            reward_model=models.reward_model if reward is None else reward,
            value_model=value_model,
            tokenizer=models.tokenizer,
            config=config,
            train_dataset=_prompts(models.tokenizer, at_least=2 * batch),
            output_dir=output_dir,
            seed=seed,
        )


def _prompts(tokenizer: Any, at_least: int) -> Any:
    """Return at least ``at_least`` prompts, cut to one length, so that no release has to pad them."""
    from datasets import Dataset

    tokens = [tokenizer(prompt)["input_ids"][:_PROMPT_LENGTH] for prompt in _PROMPTS]
    length = min(len(ids) for ids in tokens)
    rounds = -(-at_least // len(tokens))
    return Dataset.from_dict({"input_ids": [ids[:length] for ids in tokens] * rounds})
