"""Models that `DistributedDataParallel` is particular about: each trains on two processes, with equal weights."""

from __future__ import annotations

import copy
import importlib.util
from typing import Any

import pytest
from raw_processes import FIXED_PARTS
from transformers import AutoConfig, AutoModelForCausalLM

from rldk.integrations.trl import create_ppo_trainer, run_ppo
from rldk.integrations.trl.advice.failures import failure
from rldk.integrations.trl.releases.generations import installed_generation

pytestmark = pytest.mark.trl_ppo

HAS_PEFT = importlib.util.find_spec("peft") is not None


def distinct(texts: list[str]) -> list[float]:
    return [len(set(text)) / 10 for text in texts]


def _lora(setup: Any, folder: str) -> dict[str, Any]:
    from peft import LoraConfig

    lora = LoraConfig(
        r=4, lora_alpha=16, lora_dropout=0.0, target_modules=["c_attn"], fan_in_fan_out=True, task_type="CAUSAL_LM"
    )
    return {"model_name": folder, "peft_config": lora}


def _frozen_reference(setup: Any, folder: str) -> dict[str, Any]:
    return {"model": setup.model, "ref_model": setup.ref_model.requires_grad_(False), "value_model": setup.value_model}


def _reference_made_here(setup: Any, folder: str) -> dict[str, Any]:
    return {"model_name": folder}


def _shared_layers(setup: Any, folder: str) -> dict[str, Any]:
    return {"model_name": folder, "num_shared_layers": 1}


def _untied_value_head(setup: Any, folder: str) -> dict[str, Any]:
    """A wrapper as value model whose language model has an output layer that the values do not use."""
    config = AutoConfig.from_pretrained(folder)
    config.tie_word_embeddings = False
    untied = AutoModelForCausalLM.from_config(config)
    wrapper = installed_generation().value_head.from_pretrained(untied)
    return {"model": copy.deepcopy(untied), "ref_model": copy.deepcopy(untied), "value_model": wrapper}


def _checkpointing(setup: Any, folder: str) -> dict[str, Any]:
    for model in (setup.model, setup.value_model):
        inner = getattr(model, "pretrained_model", model)
        if inner is not None:
            inner.gradient_checkpointing_enable()
    return {"model": setup.model, "ref_model": setup.ref_model, "value_model": setup.value_model}


PARTS = {
    "PEFT without a reference model": _lora,
    "a frozen reference model": _frozen_reference,
    "a reference model made here": _reference_made_here,
    "num_shared_layers": _shared_layers,
    "a value model with an untied output layer": _untied_value_head,
    "gradient checkpointing": _checkpointing,
}
MARKS = {
    _lora: pytest.mark.skipif(not HAS_PEFT, reason="needs PEFT"),
    _shared_layers: pytest.mark.trl_ppo("step"),
    _untied_value_head: pytest.mark.trl_ppo("train"),
}


def _trains(setup: Any, part: str, folder: str) -> tuple[list[float], bool, list[dict[str, float]]]:
    arguments = {"model_name": None, "tokenizer": setup.tokenizer, **PARTS[part](setup, folder)}
    trainer = create_ppo_trainer(
        ppo_config=setup.config, train_dataset=setup.train_dataset, reward_model=distinct, **arguments
    )
    model = trainer.accelerator.unwrap_model(trainer.model)
    before = [float(each.double().abs().sum()) for each in model.parameters()]
    updates = run_ppo(trainer, 2)
    after = [float(each.double().abs().sum()) for each in model.parameters()]
    return after, after != before, [dict(update) for update in updates]


@pytest.mark.parametrize("part", [pytest.param(name, marks=MARKS.get(made, ())) for name, made in PARTS.items()])
def test_it_trains_on_two_processes(ppo_processes: Any, tiny_gpt2: Any, measure: Any, part: str) -> None:
    first, second = ppo_processes(2, seed=3, save_strategy="no").run(_trains, part, str(tiny_gpt2))
    assert first == second
    assert first[1]
    if part in FIXED_PARTS and failure(FIXED_PARTS[part]).happens_on():
        measure("failures", FIXED_PARTS[part], "fixed")
