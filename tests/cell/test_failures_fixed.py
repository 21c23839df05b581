"""The catalogue's entries that the library mends: what fails on TRL alone trains here, several of them at once."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from raw_program import RawTRL

from rldk.integrations.trl import (
    create_ppo_config,
    create_ppo_trainer,
    fix_generation_config,
    run_ppo,
    save_ppo_checkpoint,
)
from rldk.integrations.trl.advice.failures import failure, failures

pytestmark = pytest.mark.trl_ppo

BY_FIX = {
    "wrapper-without-generation-config",
    "wrapper-output-without-logits",
    "wrapper-without-gradient-checkpointing-flag",
    "scorer-without-base-model-prefix",
}
# What a run from a folder has in it: the folder's tokenizer has no pad token, no part is given but a reward function,
# and config, constructor and calls are of one form on every release.
FROM_A_FOLDER = {
    "value-model-none",
    "reference-model-none",
    "function-as-reward-model",
    "tokenizer-without-pad-token",
    "pad-token-without-embedding",
    "string-columns",
    "step-batch-not-divisible",
    "config-of-another-class",
    "bf16-without-accelerator",
    "step-api-calls",
    "step-api-arguments",
    "step-api-positions",
    "train-api-options",
    "imported-from-trl",
    "experimental-ppo-not-there-yet",
    "batch-size-mismatch",
    "responses-too-short",
    "list-of-prompts-to-generate",
    "collections-mapping",
}
FROM_PARTS = {"plain-model-in-the-step-api"}
FROM_A_CONSTRUCTOR = {"wrapper-from-its-constructor"}
WITH_SAVES_AND_SAMPLES = {
    "checkpoint-with-metrics",
    "sample-completions-without-eval-dataset",
    "optimizer-classes-not-set",
    "policy-with-gradient-checkpointing",
}
WITH_AN_ADAPTER = {"peft-config-not-taken"}


@pytest.fixture
def raw(version, tiny_gpt2, tmp_path, make_ppo_setup) -> RawTRL:
    return RawTRL(version, tiny_gpt2, tmp_path)


@pytest.fixture
def fixed(measure) -> Callable[[set[str]], None]:
    def note(entries: set[str]) -> None:
        for name in sorted(entries):
            if failure(name).happens_on():
                measure("failures", name, "fixed")

    return note


def reward(texts: list[str]) -> list[float]:
    return [float(len(text)) for text in texts]


def test_every_entry_that_is_said_to_be_mended_is_here():
    said = {entry.id for entry in failures() if entry.fixed_by}
    assert said == BY_FIX | FROM_A_FOLDER | FROM_PARTS | FROM_A_CONSTRUCTOR | WITH_SAVES_AND_SAMPLES | WITH_AN_ADAPTER
    assert {entry.id for entry in failures() if entry.fixed_by == "fix_generation_config"} == BY_FIX


@pytest.mark.trl(">=0.9.2", reason="the train API, be it PPOv2Trainer's")
def test_fix_generation_config_in_trls_own_trainer(raw, fixed):
    policy, value = (fix_generation_config(raw.wrapper(), raw.tokenizer) for _ in range(2))
    with raw.workarounds():
        trainer = raw.train(model=policy, value_model=value)
    assert math.isfinite(logged_kl(trainer))
    fixed(BY_FIX)


def logged_kl(trainer: Any) -> float:
    return next(entry["objective/kl"] for entry in trainer.state.log_history if "objective/kl" in entry)


def ends_at_once(model: Any, eos: int) -> Any:
    """The model, made to answer with the end of text and nothing else."""
    import torch

    with torch.no_grad():
        model.transformer.ln_f.weight.zero_()
        model.transformer.ln_f.bias.copy_(1000 * model.transformer.wte.weight[eos])
    return model


def test_a_run_from_a_folder(raw, fixed, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(raw.model_name, folder)
    if raw.is_in("<0.4.7"):  # where a response of one token fails
        ends_at_once(raw.policy(), raw.tokenizer.eos_token_id).save_pretrained(folder)
    forget_pad_token(folder)
    config = create_ppo_config(
        output_dir=str(tmp_path / "out"),
        total_episodes=2,
        per_device_train_batch_size=2,
        num_ppo_epochs=1,
        response_length=4,
    )
    prompts = raw.prompts().select(range(3))  # one whole batch and half of one
    prompts = prompts.add_column("query", ["a text"] * 3)
    trainer = create_ppo_trainer(str(folder), config, prompts, reward_model=reward)
    assert math.isfinite(run_ppo(trainer)[0]["kl"])
    fixed(FROM_A_FOLDER if raw.is_step else FROM_A_FOLDER - {"pad-token-without-embedding"})


def forget_pad_token(folder: Path) -> None:
    from transformers import AutoTokenizer

    for file in (folder / "tokenizer_config.json", folder / "special_tokens_map.json"):
        if file.is_file():
            kept = {key: value for key, value in json.loads(file.read_text()).items() if key != "pad_token"}
            file.write_text(json.dumps(kept))
    assert AutoTokenizer.from_pretrained(folder).pad_token is None


@pytest.mark.trl_ppo("step")
def test_a_run_from_a_plain_model(raw, fixed):
    import torch

    policy = raw.policy()
    trainer = create_ppo_trainer(
        None, raw.step_config(), raw.prompts(), model=policy, tokenizer=raw.tokenizer, reward_model=reward
    )
    assert torch.equal(trainer.model.pretrained_model.transformer.wte.weight, policy.transformer.wte.weight)
    fixed(FROM_PARTS)


@pytest.mark.trl_ppo
def test_a_run_from_a_wrapper_made_by_its_constructor(raw, fixed, tmp_path):
    import torch

    wrapper = type(raw.wrapper())(raw.policy())
    head = {name: tensor.clone() for name, tensor in wrapper.v_head.state_dict().items()}
    config = raw.step_config() if raw.is_step else raw.train_config()
    trainer = create_ppo_trainer(
        None, config, raw.prompts(), model=wrapper, tokenizer=raw.tokenizer, reward_model=reward
    )
    whole = trainer.accelerator.unwrap_model(trainer.model)
    kept = (whole if raw.is_step else whole.value_model).v_head.state_dict()
    assert all(torch.equal(kept[name], tensor) for name, tensor in head.items())
    assert math.isfinite(run_ppo(trainer)[0]["kl"])
    save_ppo_checkpoint(trainer, tmp_path / "saved")
    if raw.is_step:
        fixed(FROM_A_CONSTRUCTOR)


@pytest.mark.trl(">=0.9.2", reason="the train API, be it PPOv2Trainer's")
def test_a_run_that_checkpoints_saves_as_it_ends_and_has_nothing_to_sample_from(raw, fixed):
    with_saves = raw.saved_at_the_end()
    policy = raw.policy()
    policy.gradient_checkpointing_enable()
    with_saves["config"].num_sample_generations = 1
    trainer = create_ppo_trainer(
        None,
        with_saves["config"],
        raw.prompts(),
        with_saves["callbacks"],
        model=policy,
        tokenizer=raw.tokenizer,
        reward_model=reward,
    )
    assert math.isfinite(run_ppo(trainer)[0]["kl"])
    assert list(raw.output_dir.glob("checkpoint-*"))
    fixed(WITH_SAVES_AND_SAMPLES)
    if raw.is_step:  # PPOv2Trainer's part of what the others show of PPOTrainer
        fixed({"value-model-none", "reference-model-none", "function-as-reward-model"})


@pytest.mark.trl_requires("peft")
@pytest.mark.trl(">=0.4", reason="TRL knows PEFT")
def test_a_run_with_an_adapter(raw, fixed):
    config = raw.step_config() if raw.is_step else raw.train_config()
    trainer = create_ppo_trainer(
        str(raw.model_name), config, raw.prompts(), reward_model=reward, peft_config=raw.lora()
    )
    config.response_length = 4
    assert math.isfinite(run_ppo(trainer)[0]["kl"])
    fixed(WITH_AN_ADAPTER)
