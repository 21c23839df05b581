"""What a user of each release writes, on TRL alone and by the table of releases: nothing here asks our probes."""

from __future__ import annotations

import collections
import collections.abc
import copy
import importlib
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from bounded_loader import BoundedLoader
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from rldk.integrations.trl.releases.quiet import third_party_warnings

WRAPPER = "AutoModelForCausalLMWithValueHead"
PROMPTS = ("the cat sat on the mat", "you are in the house", "what is good of you", "is the cat of the house")


class RawTRL:
    """One release's own classes, tiny models of its own loading, and its shortest training."""

    def __init__(self, version: Version, model_name: Path, output_dir: Path) -> None:
        self.version, self.model_name, self.output_dir = version, model_name, output_dir

    def is_in(self, specifier: str) -> bool:
        return self.version in SpecifierSet(specifier)

    @property
    def is_step(self) -> bool:
        """Whether ``PPOTrainer`` is the step API here."""
        return self.is_in("<0.12")

    @property
    def has_train(self) -> bool:
        """Whether there is a train API, be it PPOv2Trainer's."""
        return self.is_in(">=0.9.2")

    def from_trl(self, name: str) -> Any:
        """``PPOTrainer``, ``PPOConfig`` or the value-head class, from where this release has it."""
        last_in_trl = "0.29" if name == WRAPPER else "0.26"
        with third_party_warnings():
            home = importlib.import_module("trl" if self.is_in(f"<{last_in_trl}") else "trl.experimental.ppo")
            return getattr(home, name)

    @cached_property
    def train_classes(self) -> tuple[Any, Any]:
        """The trainer and the config of the train API."""
        if self.is_in("<0.12"):
            with third_party_warnings():
                trainer = importlib.import_module("trl.trainer.ppov2_trainer").PPOv2Trainer
                return trainer, importlib.import_module("trl.trainer.ppov2_config").PPOv2Config
        return self.from_trl("PPOTrainer"), self.from_trl("PPOConfig")

    def new_tokenizer(self) -> Any:
        from transformers import AutoTokenizer

        return AutoTokenizer.from_pretrained(self.model_name, padding_side="left")

    @cached_property
    def tokenizer(self) -> Any:
        return self.new_tokenizer()

    @cached_property
    def _originals(self) -> dict[str, Any]:
        from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification

        with third_party_warnings():
            return {
                "policy": AutoModelForCausalLM.from_pretrained(self.model_name),
                "wrapper": self.from_trl(WRAPPER).from_pretrained(str(self.model_name)),
                "classifier": AutoModelForSequenceClassification.from_pretrained(self.model_name, num_labels=1),
            }

    def policy(self) -> Any:
        return copy.deepcopy(self._originals["policy"])

    def wrapper(self) -> Any:
        return copy.deepcopy(self._originals["wrapper"])

    def classifier(self) -> Any:
        return copy.deepcopy(self._originals["classifier"])

    def prompts(self, times: int = 1) -> Any:
        from datasets import Dataset

        return Dataset.from_dict({"input_ids": [self.tokenizer(text)["input_ids"][:4] for text in PROMPTS] * times})

    def stream(self) -> Any:
        """The prompts as a dataset without length."""
        if self.is_in(">=0.5"):
            return self.prompts().to_iterable_dataset()
        from torch.utils.data import IterableDataset  # the datasets of that time streams from files alone

        class IterablePrompts(IterableDataset):
            def __iter__(stream) -> Iterator[dict[str, Any]]:  # noqa: N805
                return iter(self.prompts())

        return IterablePrompts()

    def lora(self) -> Any:
        from peft import LoraConfig

        of = {"target_modules": ["c_attn"], "fan_in_fan_out": True, "task_type": "CAUSAL_LM"}
        return LoraConfig(r=2, lora_alpha=4, lora_dropout=0.0, **of)

    def saved_at_the_end(self) -> dict[str, Any]:
        """Config and callback that save a checkpoint after each update and as training ends."""
        from transformers import TrainerCallback

        class SaveAtTheEnd(TrainerCallback):
            def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
                control.should_save = True

        return {"config": self.train_config(save_strategy="steps", save_steps=1), "callbacks": [SaveAtTheEnd()]}

    def train_config(self, **options: Any) -> Any:
        """The shortest config of the train API: one update of two prompts."""
        given = {
            "output_dir": str(self.output_dir),
            "per_device_train_batch_size": 2,
            "total_episodes": 2,
            "num_ppo_epochs": 1,
            "num_mini_batches": 1,
            "response_length": 3,
            "num_sample_generations": 0,
            "report_to": "none",
            "use_cpu": True,
            "bf16": False,
            "save_strategy": "no",
            "gradient_checkpointing": False,
            **options,
        }
        with third_party_warnings():
            return self.train_classes[1](**{name: value for name, value in given.items() if value is not ...})

    def part_names(self) -> dict[str, str]:
        """What this release's train API calls the parts."""
        old = self.is_in("<0.13")
        return {
            "config": "config" if old else "args",
            "tokenizer": "tokenizer" if self.is_in("<0.12") else "processing_class",
            "model": "policy" if old else "model",
            "ref_model": "ref_policy" if old else "ref_model",
        }

    def train_parts(self, **changes: Any) -> dict[str, Any]:
        """What trains, under our names of the parts, with ``changes``; what is given is not made."""
        made: dict[str, Callable[[], Any]] = {
            "config": self.train_config,
            "tokenizer": lambda: self.tokenizer,
            "model": self.policy,
            "ref_model": self.policy,
            "reward_model": self.classifier,
            "value_model": self.classifier,
            "train_dataset": self.prompts,
        }
        return changes | {name: make() for name, make in made.items() if name not in changes}

    def train_trainer(self, **changes: Any) -> Any:
        names = self.part_names()
        parts = {names.get(name, name): part for name, part in self.train_parts(**changes).items()}
        with third_party_warnings():
            return self.train_classes[0](**parts)

    def train(self, **changes: Any) -> Any:
        """One update of the train API; returns the trainer."""
        trainer = self.train_trainer(**changes)
        trainer.dataloader = BoundedLoader(trainer.dataloader)
        with third_party_warnings():
            trainer.train()
        return trainer

    def step_config(self, **options: Any) -> Any:
        batch = {"mini_batch_size": 2} if self.is_in(">=0.3") else {"forward_batch_size": 2}
        with third_party_warnings():
            return self.from_trl("PPOConfig")(**{"batch_size": 2, "ppo_epochs": 1, **batch, **options})

    def step_parts(self, **changes: Any) -> dict[str, Any]:
        """What trains with the step API, under TRL's names, with ``changes``; what is given is not made."""
        made: dict[str, Callable[[], Any]] = {
            "config": self.step_config,
            "model": self.wrapper,
            "ref_model": self.wrapper,
            "tokenizer": lambda: self.tokenizer,
        }
        return changes | {name: make() for name, make in made.items() if name not in changes}

    def step_trainer(self, **changes: Any) -> Any:
        parts = {"dataset" if name == "train_dataset" else name: p for name, p in self.step_parts(**changes).items()}
        with third_party_warnings():
            return self.from_trl("PPOTrainer")(**parts)

    @contextmanager
    def workarounds(self) -> Iterator[None]:
        """What users of this release do first, for it to run at all on this Python and this transformers."""
        with older_python(self.version):
            if not self.is_in(">=0.9.2,<0.12"):
                yield
                return
            trainer = self.train_classes[0]
            trainer.optimizer_cls_and_kwargs = None  # read since transformers 4.47
            try:
                yield
            finally:
                del trainer.optimizer_cls_and_kwargs

    def step_queries(self, trainer: Any, lengths: tuple[int, int] = (6, 5)) -> tuple[list[Any], list[Any]]:
        """Two queries and their responses of so many tokens, generated one by one as every release can."""
        import torch

        queries = [torch.tensor(ids) for ids in self.prompts()[:2]["input_ids"]]
        responses = []
        for query, length in zip(queries, lengths, strict=True):
            kwargs = {"max_new_tokens": length, "min_new_tokens": length, "pad_token_id": self.tokenizer.eos_token_id}
            with third_party_warnings():
                responses.append(trainer.generate(query, **kwargs)[0][len(query) :])
        return queries, responses

    def step(self, lengths: tuple[int, int] = (6, 5), **changes: Any) -> Any:
        """One update of the step API on responses of these lengths; returns the trainer."""
        import torch

        trainer = self.step_trainer(**changes)
        queries, responses = self.step_queries(trainer, lengths)
        with third_party_warnings():
            trainer.step(queries, responses, [torch.tensor(0.5), torch.tensor(1.0)])
        return trainer


@contextmanager
def older_python(version: Version) -> Iterator[None]:
    """``collections.Mapping``, which Python 3.10 removed and TRL 0.2.0 alone reads: TRL's own code runs with it."""
    if version != Version("0.2.0"):
        yield
        return
    collections.Mapping = collections.abc.Mapping
    try:
        yield
    finally:
        del collections.Mapping


def traceback_of(program: Callable[[RawTRL], Any], raw: RawTRL) -> str:
    """The traceback that ``program`` dies with, as a user sees it; empty where it runs through."""
    try:
        with third_party_warnings():
            program(raw)
    except (Exception, KeyboardInterrupt):
        return traceback.format_exc()
    return ""
