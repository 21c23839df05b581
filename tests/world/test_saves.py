"""TRL's own ways to save, on several processes: the run goes on, and what is saved can be loaded."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from rldk.integrations.trl import run_ppo
from rldk.integrations.trl.advice.failures import failure, failures

sys.path.insert(0, str(Path(__file__).parents[1] / "cell"))
from both_apis import WITH_PPOV2, config_of

pytestmark = pytest.mark.trl_ppo

EACH_TRAIN_API = pytest.mark.parametrize(
    "api",
    [
        pytest.param(None, marks=pytest.mark.trl(">=0.12", reason="before, PPOTrainer has the step API"), id="train"),
        pytest.param("train", marks=WITH_PPOV2, id="ppov2"),
    ],
)


# Each of these ends a run that saves as here, or a save, on TRL alone (test_failures.py).
FIXED_HERE = ("policy-of-ddp-at-save", "config-of-ddp-in-the-model-card", "tied-weights-in-safetensors")


def distinct_letters(texts: list[str]) -> list[float]:
    return [len(set(text)) / 10 for text in texts]


def trained_and_saved(setup: Any, api: str | None, folder: Path, saving: dict[str, Any]) -> dict[str, Any]:
    trainer = setup.create_trainer(ppo_config=config_of(setup, api, **saving))
    model = trainer.model
    run_ppo(trainer)
    trainer.save_model(str(folder))
    trainer.create_model_card(model_name="tiny")
    assert trainer.model is model
    trainer.accelerator.wait_for_everyone()
    policy = trainer.accelerator.unwrap_model(model).policy
    return {name: value.detach().numpy() for name, value in policy.named_parameters()}


@EACH_TRAIN_API
def test_a_run_that_saves_ends_well_and_its_policy_loads(ppo_processes, tmp_path, measure, api):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    saving = {"save_strategy": "steps", "save_steps": 1}
    processes = ppo_processes(2, reward=distinct_letters, learning_rate=1e-2, **({} if api else saving))
    trained, others = processes.run(trained_and_saved, api, tmp_path / "saved", saving)
    (checkpoint,) = (tmp_path / "ppo").glob("checkpoint-*")
    for folder in (tmp_path / "saved", checkpoint):
        policy = AutoModelForCausalLM.from_pretrained(folder)
        loaded = {name: value.detach().numpy() for name, value in policy.named_parameters()}
        assert loaded.keys() == trained.keys()
        assert all((loaded[name] == trained[name]).all() and (others[name] == trained[name]).all() for name in loaded)
        assert policy.generation_config.eos_token_id == AutoTokenizer.from_pretrained(folder).eos_token_id
    for name in FIXED_HERE:
        if failure(name).happens_on():
            measure("failures", name, "fixed")


def test_every_failure_that_is_said_to_be_fixed_is_tested():
    assert set(FIXED_HERE) == {entry.id for entry in failures() if entry.world == "ddp" and entry.fixed_by}
