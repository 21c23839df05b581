"""The library under DeepSpeed ZeRO-2 and ZeRO-3, in two processes on CPU."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest

_TIMEOUT_S = 600.0
_WORLD = os.environ.get("RLDK_TRL_WORLD", "")
pytestmark = pytest.mark.skipif(not _WORLD.startswith("zero"), reason="needs a world with DeepSpeed: zero2 or zero3")


def _reward(texts: list[str]) -> list[float]:
    return [float(len(set(text))) for text in texts]


def _name(setup: Any) -> str:
    import transformers

    return (
        str(setup.tokenizer.name_or_path) if isinstance(setup.tokenizer, transformers.PreTrainedTokenizerBase) else ""
    )


def _trained_with(setup: Any, parts: str) -> Any:
    overrides = PARTS[parts](setup)
    trainer = setup.create_trainer(**overrides)
    assert "DEEPSPEED" in str(trainer.accelerator.distributed_type)
    return [dict(update) for update in setup.train(steps=2)]


def _model_name_only(setup: Any) -> dict[str, Any]:
    name = setup.tokenizer.name_or_path
    return {
        "model_name": name,
        "model": None,
        "ref_model": None,
        "value_model": None,
        "reward_model": None,
        "tokenizer": None,
    }


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
    return {"reward_model": _reward}


def _classifier(setup: Any) -> dict[str, Any]:
    return {}


def _lora(setup: Any) -> dict[str, Any]:
    import peft

    return {"ref_model": None, "value_model": None, "peft_config": peft.LoraConfig(task_type="CAUSAL_LM", r=2)}


PARTS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "model_name": _model_name_only,
    "model": _model_only,
    "wrapper": _wrapper,
    "function": _function,
    "classifier": _classifier,
    "lora": _lora,
}


@pytest.mark.parametrize("parts", PARTS)
def test_two_processes_train_together(ppo_processes: Any, parts: str) -> None:
    first, second = ppo_processes(2, timeout_s=_TIMEOUT_S, save_strategy="no").run(_trained_with, parts)
    assert first == second
    assert all(abs(value) < 1e6 for update in first for value in update.values())
