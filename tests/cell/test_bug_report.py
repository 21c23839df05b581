"""The program of the bug reports (huggingface/trl#2340, #2718), on TRL alone: without the fix and with it."""

from __future__ import annotations

import importlib
import math
from pathlib import Path
from typing import Any

import pytest
from packaging.version import Version
from raw_program import older_python

from rldk.integrations.trl import fix_generation_config
from rldk.integrations.trl.releases.quiet import third_party_warnings

WRAPPER = "AutoModelForCausalLMWithValueHead"


class Program:
    """What a user of this release writes, by the table of releases: nothing here asks our probes."""

    def __init__(self, version: Version, model_name: Path, output_dir: Path) -> None:
        from datasets import Dataset
        from transformers import AutoTokenizer

        self.version, self.model_name, self.output_dir = version, model_name, output_dir
        with third_party_warnings():
            home = importlib.import_module("trl" if version < Version("0.26") else "trl.experimental.ppo")
            heads = importlib.import_module("trl" if version < Version("0.29") else "trl.experimental.ppo")
            self.trainer_class, self.config_class = home.PPOTrainer, home.PPOConfig
            self.wrapper_class = getattr(heads, WRAPPER)
        self.tokenizer = AutoTokenizer.from_pretrained(model_name)
        ids = self.tokenizer("the cat sat on the mat")["input_ids"]
        self.dataset = Dataset.from_dict({"input_ids": [ids] * 8})

    def wrapper(self, fix: bool = False) -> Any:
        model = self.wrapper_class.from_pretrained(str(self.model_name))
        return fix_generation_config(model, self.tokenizer) if fix else model

    def classifier(self) -> Any:
        from transformers import AutoModelForSequenceClassification

        return AutoModelForSequenceClassification.from_pretrained(self.model_name, num_labels=1)

    def train(self, policy: Any, reference: Any, reward: Any, value: Any) -> float:
        """One update of the train API (0.12.0-1.12.0); returns the KL to the reference model."""
        config = self.config_class(
            output_dir=str(self.output_dir),
            per_device_train_batch_size=4,
            total_episodes=4,
            num_ppo_epochs=1,
            response_length=6,
            num_sample_generations=0,
            report_to="none",
            use_cpu=True,
            bf16=False,
            save_strategy="no",
        )
        if self.version < Version("0.13"):
            names = ("config", "policy", "ref_policy")
        else:
            names = ("args", "model", "ref_model")
        with third_party_warnings():
            trainer = self.trainer_class(
                **dict(zip(names, (config, policy, reference), strict=True)),
                processing_class=self.tokenizer,
                reward_model=reward,
                value_model=value,
                train_dataset=self.dataset,
            )
            trainer.train()
        return next(entry["objective/kl"] for entry in trainer.state.log_history if "objective/kl" in entry)

    def step(self, policy: Any, reference: Any) -> float:
        """One update of the step API (0.2.0-0.11.4); returns the KL to the reference model."""
        import torch

        batch = {"mini_batch_size": 4} if self.version >= Version("0.3") else {"forward_batch_size": 4}
        with third_party_warnings(), older_python(self.version):
            trainer = self.trainer_class(
                config=self.config_class(batch_size=4, **batch),
                model=policy,
                ref_model=reference,
                tokenizer=self.tokenizer,
            )
            queries = [torch.tensor(self.dataset[0]["input_ids"])] * 4
            kwargs = {
                "max_new_tokens": 6,
                "do_sample": True,
                "top_k": 0,
                "pad_token_id": self.tokenizer.pad_token_id,
                "eos_token_id": -1,
            }
            responses = [trainer.generate(query, **kwargs)[0][len(query) :] for query in queries]
            stats = trainer.step(queries, responses, [torch.tensor(float(number)) for number in range(4)])
        return float(stats["objective/kl"])


@pytest.fixture
def program(version: Version, tiny_gpt2: Path, tmp_path: Path, make_ppo_setup: Any) -> Program:
    # make_ppo_setup is asked for what its teardown does: accelerate's and the random state are put back.
    return Program(version, tiny_gpt2, tmp_path)


@pytest.mark.trl_ppo("train")
def test_without_the_fix_it_dies_of_the_reported_error(program):
    wrappers = [program.wrapper() for _ in range(4)]
    with pytest.raises(AttributeError, match=f"'{WRAPPER}' object has no attribute 'generation_config'"):
        program.train(*wrappers)


@pytest.mark.trl_ppo("train")
def test_with_the_fix_the_same_program_trains(program):
    wrappers = [program.wrapper(fix=True) for _ in range(4)]
    assert math.isfinite(program.train(*wrappers))


@pytest.mark.trl_ppo("train")
def test_patching_generation_config_alone_leads_to_the_next_error(program, version):
    policy = program.wrapper()
    policy.generation_config = policy.pretrained_model.generation_config
    following = (
        "is_gradient_checkpointing" if version >= Version("0.22") else "'tuple' object has no attribute 'logits'"
    )
    with pytest.raises(AttributeError, match=following):
        program.train(policy, program.wrapper(fix=True), program.classifier(), program.classifier())


@pytest.mark.trl_ppo("train")
@pytest.mark.parametrize("part", ["reward", "value"])
def test_a_wrapper_as_reward_or_value_model_dies_of_the_reported_error(program, part):
    models = {"reward": program.classifier(), "value": program.classifier(), part: program.wrapper()}
    policy, reference = (program.wrapper(fix=True).pretrained_model for _ in range(2))
    with pytest.raises(AttributeError, match=f"'{WRAPPER}' object has no attribute 'base_model_prefix'"):
        program.train(policy, reference, models["reward"], models["value"])


@pytest.mark.trl_ppo("step")
@pytest.mark.parametrize("fix", [False, True], ids=["without", "with"])
def test_the_step_api_runs_without_the_fix_and_with_it(program, fix):
    assert math.isfinite(program.step(program.wrapper(fix), program.wrapper(fix)))
