"""The measured defaults of each release's ``PPOConfig``, for messages only. Behaviour never depends on them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from packaging.version import Version

# Options that affect what a run does, in the order in which `ppo_changes` reports them.
OPTIONS: tuple[str, ...] = (
    *("learning_rate", "lr_scheduler_type", "bf16", "gradient_checkpointing"),
    *("init_kl_coef", "adap_kl_ctrl", "target", "horizon", "kl_coef", "kl_penalty", "kl_estimator"),
    *("early_stopping", "target_kl", "ratio_threshold"),
    *("batch_size", "mini_batch_size"),
    *("per_device_train_batch_size", "gradient_accumulation_steps", "num_mini_batches"),
    *("ppo_epochs", "num_ppo_epochs", "steps", "total_episodes", "num_train_epochs"),
    *("cliprange", "cliprange_value", "vf_coef", "gamma", "lam", "whiten_rewards", "max_grad_norm"),
    *("use_score_scaling", "use_score_norm", "score_clip"),
    *("response_length", "temperature", "stop_token", "stop_token_id", "missing_eos_penalty"),
    *("local_rollout_forward_batch_size", "num_sample_generations", "ds3_gather_for_generation"),
    *("optim", "weight_decay", "adam_beta1", "adam_beta2", "adam_epsilon", "warmup_steps"),
    *(
        "seed",
        "logging_steps",
        "save_strategy",
        "save_steps",
        "eval_strategy",
        "remove_unused_columns",
        "fp16",
        "use_cpu",
    ),
)


@cache
def default_runs() -> Mapping[str, list[list[Any]]]:
    """Return option -> ``[first release, default]`` for each change, and ``[first release]`` once it is gone."""
    text = (files(__package__) / "defaults.json").read_text(encoding="utf-8")
    table: dict[str, list[list[Any]]] = json.loads(text)
    return table


def config_default(option: str, version: Version) -> tuple[Any, ...]:
    """Return an option's default in a release as a tuple of one; empty if ``PPOConfig`` does not have the option."""
    held: tuple[Any, ...] = ()
    for since, *default in default_runs()[option]:
        if Version(since) <= version:
            held = tuple(default)
    return held
