"""Which releases' ``PPOConfig`` carries an option, for the message when the installed one does not.

``option_releases.json`` is made by ``nox -s trl_contract`` from the wheels of all TRL releases. Behaviour never
depends on it: the installed class is asked.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

# The train API's PPOConfig inherits these from transformers, so TRL's own files do not tell of them.
TRAINING_ARGUMENTS = frozenset(
    {"learning_rate", "lr_scheduler_type", "lr_scheduler_kwargs", "warmup_steps", "weight_decay", "max_grad_norm"}
    | {"num_train_epochs", "seed", "use_liger_kernel", "torch_empty_cache_steps"}
    | {"per_device_train_batch_size", "per_device_eval_batch_size", "gradient_accumulation_steps"}
    | {"bf16", "fp16", "use_cpu", "gradient_checkpointing", "remove_unused_columns", "push_to_hub", "run_name"}
    | {"report_to", "save_strategy", "save_steps", "eval_strategy", "eval_steps", "logging_steps"}
)

# Options that transformers took away, with what it took.
_REMOVED_BY_TRANSFORMERS: Mapping[str, str] = {
    "logging_dir": "transformers removed it in 5.15: drop it, or set the environment variable TENSORBOARD_LOGGING_DIR",
}


@cache
def option_releases() -> Mapping[str, str]:
    """Option -> the releases whose ``PPOConfig`` carries it, such as ``0.17.0-1.12.0``."""
    text = (files("rldk.integrations.trl") / "option_releases.json").read_text(encoding="utf-8")
    table: dict[str, str] = json.loads(text)
    return table


def refusal(option: str, installed: str, known: frozenset[str]) -> str:
    """One line that names an option the installed release cannot honour and the releases that can."""
    message = f"create_ppo_config: {installed} cannot honour {option!r}: "
    releases = option_releases()
    if option in releases:
        return message + f"TRL {releases[option]} can; leave it out here"
    if option in _REMOVED_BY_TRANSFORMERS:
        return message + _REMOVED_BY_TRANSFORMERS[option]
    close = difflib.get_close_matches(option, known | releases.keys(), n=1)
    hint = f"did you mean {close[0]!r}?" if close else "it is no option of its PPOConfig; check the spelling"
    return message + hint
