"""The library under DeepSpeed ZeRO-2 and ZeRO-3, in two processes on CPU."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

_WORLD = os.environ.get("RLDK_TRL_WORLD", "")
_TIMEOUT_S = 600.0

pytestmark = pytest.mark.skipif(not _WORLD.startswith("zero"), reason="needs DeepSpeed: the world zero2 or zero3")


def rewards_letters(texts: list[str]) -> list[float]:
    return [float(len(set(text))) for text in texts]


def _model_name_only(setup: Any) -> dict[str, Any]:
    missing = dict.fromkeys(("model", "ref_model", "value_model", "reward_model", "tokenizer"))
    return {"model_name": setup.tokenizer.name_or_path, **missing}


def _model_only(setup: Any) -> dict[str, Any]:
    return {"ref_model": None, "value_model": None}


def _wrapper(setup: Any) -> dict[str, Any]:
    from rldk.integrations.trl.models.kinds import classify
    from rldk.integrations.trl.models.value_head import put_value_head
    from rldk.integrations.trl.releases.generations import generation_of

    known = classify(setup.model)
    wrapper = setup.model if known.is_wrapper else put_value_head(generation_of(setup.config), known)
    return {"model": wrapper, "ref_model": None, "value_model": None}


def _function(setup: Any) -> dict[str, Any]:
    return {"reward_model": rewards_letters}


def _classifier(setup: Any) -> dict[str, Any]:
    return {}


def _lora(setup: Any) -> dict[str, Any]:
    import peft

    return {"ref_model": None, "value_model": None, "peft_config": peft.LoraConfig(task_type="CAUSAL_LM", r=2)}


def _peft_reward(setup: Any) -> dict[str, Any]:
    import peft

    return {"reward_model": peft.get_peft_model(setup.reward_model, peft.LoraConfig(task_type="SEQ_CLS", r=2))}


_PARTS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "model name": _model_name_only,
    "model": _model_only,
    "value head": _wrapper,
    "function": _function,
    "classifier": _classifier,
    "LoRA": _lora,
    "PEFT reward": _peft_reward,
}


def trained_with(setup: Any, parts: str) -> Any:
    trainer = setup.create_trainer(**_PARTS[parts](setup))
    assert trainer.accelerator.distributed_type == "DEEPSPEED"
    return [dict(update) for update in setup.train(steps=2)]


@pytest.mark.parametrize("parts", _PARTS)
def test_two_processes_train_together(ppo_processes: Any, parts: str) -> None:
    first, second = ppo_processes(2, timeout_s=_TIMEOUT_S, save_strategy="no").run(trained_with, parts)
    assert first == second
    assert all(math.isfinite(value) for update in first for value in update.values())


def continued(setup: Any, folder: Path) -> Any:
    from rldk.integrations.trl import save_ppo_checkpoint
    from rldk.integrations.trl.releases.deepspeed import gathered

    trainer = setup.create_trainer()
    if hasattr(trainer, "save_model"):
        trainer.save_model(str(folder))  # before train(), TRL's own fails
    metrics = [*setup.train(steps=1), *setup.train(steps=1)]
    policy = trainer.accelerator.unwrap_model(trainer.model)
    policy = getattr(policy, "policy", policy)
    if hasattr(trainer, "save_model"):
        trainer.save_model(str(folder))
    with gathered(policy.parameters()):
        weights = {name: weight.detach().clone().numpy() for name, weight in policy.named_parameters()}
    with pytest.raises(ValueError, match=r"^save_ppo_checkpoint: the run uses DeepSpeed, .*: use .*save_state$"):
        save_ppo_checkpoint(trainer, folder / "checkpoint")
    return [dict(each) for each in metrics], trainer.model.global_steps, weights


def test_a_run_continues_accumulates_adapts_its_kl_coefficient_and_saves(ppo_processes: Any, tmp_path: Path) -> None:
    """2 updates of 2 epochs, with 2 micro-batches each."""
    options = {"gradient_accumulation_steps": 2, "per_device_train_batch_size": 2, "adap_kl_ctrl": True}
    processes = ppo_processes(2, timeout_s=_TIMEOUT_S, save_strategy="no", **options)
    (first, steps, weights), (second, _, others) = processes.run(continued, tmp_path / "policy")
    assert first == second
    assert steps == 4
    assert all((weights[name] == others[name]).all() for name in weights)
    if (tmp_path / "policy").exists():
        from transformers import AutoModelForCausalLM

        saved = dict(AutoModelForCausalLM.from_pretrained(tmp_path / "policy").named_parameters())
        assert saved.keys() == weights.keys()
        assert all((saved[name].detach().numpy() == weights[name]).all() for name in saved)
