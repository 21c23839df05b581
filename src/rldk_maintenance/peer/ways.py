"""A pytest plugin that puts the library between TRL's own tests and TRL's `PPOTrainer`."""

from __future__ import annotations

import functools
import inspect
import json
import os
from pathlib import Path
from typing import Any

import pytest

WAYS = ("alone", "validated", "created")
WAY_VARIABLE = "RLDK_PEER_WAY"
RECORD_VARIABLE = "RLDK_PEER_RECORD"

# What create_ppo_trainer and validate_ppo_setup call the arguments of PPOTrainer's constructors.
_NAMES = {"args": "config", "processing_class": "tokenizer", "dataset": "train_dataset", "policy": "model"}
_PARTS = ("model", "ref_model", "reward_model", "value_model", "tokenizer")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Replace ``PPOTrainer`` in the modules of TRL's tests, as ``RLDK_PEER_WAY`` says."""
    way = os.environ[WAY_VARIABLE]
    for module in {item.module for item in items if isinstance(item, pytest.Function)}:
        if "use_cpu" in inspect.signature(module.PPOConfig).parameters:
            # TRL's default since 0.22.0, bf16, is refused without an accelerator. This holds in all three ways.
            module.PPOConfig = functools.partial(module.PPOConfig, bf16=False, use_cpu=True)
        if way != "alone":
            module.PPOTrainer = {"validated": _validated, "created": _created}[way](module.PPOTrainer)


def _validated(trainer_class: Any) -> Any:
    from rldk.integrations.trl import validate_ppo_setup

    def construct(*args: Any, **kwargs: Any) -> Any:
        known = _portable(trainer_class, args, kwargs)
        parts = {name: known.get(name) for name in _PARTS}
        rest = {name: known[name] for name in ("config", "train_dataset", "eval_dataset") if name in known}
        record = {"test": os.environ["PYTEST_CURRENT_TEST"], **validate_ppo_setup(**parts, **rest), "error": None}
        try:
            return trainer_class(*args, **kwargs)
        except Exception as error:
            record["error"] = f"{type(error).__name__}: {error}"
            raise
        finally:
            with Path(os.environ[RECORD_VARIABLE]).open("a", encoding="utf-8") as file:
                file.write(json.dumps(record) + "\n")

    return construct


def _created(trainer_class: Any) -> Any:
    from rldk.integrations.trl import create_ppo_trainer

    def construct(*args: Any, **kwargs: Any) -> Any:
        known = _portable(trainer_class, args, kwargs)
        config, dataset = known.pop("config"), known.pop("train_dataset", None)
        return create_ppo_trainer(None, config, dataset, **known)

    return construct


def _portable(trainer_class: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    given = inspect.signature(trainer_class).bind(*args, **kwargs).arguments
    return {_NAMES.get(name, name): value for name, value in given.items()}
