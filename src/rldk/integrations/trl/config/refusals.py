"""Which releases' PPO honours an option, for the message when the installed one does not.

``option_releases.json`` is made by ``nox -s trl_contract`` from the wheels of all TRL releases. Behaviour never
depends on it: the installed class is asked.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from rldk.integrations.trl.config.unread import NEVER_READ

# The train API's PPOConfig inherits these from transformers, so TRL's own files do not tell of them.
TRAINING_ARGUMENTS = frozenset(
    {"learning_rate", "lr_scheduler_type", "lr_scheduler_kwargs", "warmup_steps", "weight_decay", "max_grad_norm"}
    | {"num_train_epochs", "seed", "use_liger_kernel", "torch_empty_cache_steps", "optim"}
    | {"per_device_train_batch_size", "per_device_eval_batch_size", "gradient_accumulation_steps"}
    | {"bf16", "fp16", "use_cpu", "gradient_checkpointing", "remove_unused_columns", "push_to_hub", "run_name"}
    | {"report_to", "save_strategy", "save_steps", "eval_strategy", "eval_steps", "logging_steps"}
)

# Options that transformers took away, with what it took.
_REMOVED_BY_TRANSFORMERS: Mapping[str, str] = {
    "logging_dir": "transformers removed it in 5.15: drop it, or set the environment variable TENSORBOARD_LOGGING_DIR",
}

_RUN_NAME = "it overwrites it with one made of exp_name, seed and time; give exp_name"


@cache
def option_releases() -> Mapping[str, str]:
    """Option -> the releases whose PPO honours it, such as ``0.17.0-1.12.0``."""
    text = (files(__package__) / "option_releases.json").read_text(encoding="utf-8")
    table: dict[str, str] = json.loads(text)
    return table


def refusal(
    option: str,
    installed: str,
    known: frozenset[str],
    other_api: frozenset[str] = frozenset(),
) -> str:
    """One line that names an option the installed release cannot honour and the releases that can.

    Args:
        option: as it was given.
        installed: the release, in words.
        known: the options that its config takes.
        other_api: the options that ``api="train"`` would honour on this release.
    """
    message = f"create_ppo_config: {installed} cannot honour {option!r}: "
    releases = option_releases()
    if option in known:
        reason = (
            _RUN_NAME if option == "run_name" else _unread(option) if option in NEVER_READ else "it sets that itself"
        )
        can = f"; TRL {releases[option]} can" if option in releases and option in NEVER_READ else ""
        return f"{message}its PPOConfig takes it and its PPOTrainer does not use it: {reason}{can}"
    if option in releases:
        here = ', or api="train" here' if option in other_api else ""
        return message + f"TRL {releases[option]} can{here}; leave it out here"
    if option in _REMOVED_BY_TRANSFORMERS:
        return message + _REMOVED_BY_TRANSFORMERS[option]
    if option in NEVER_READ:
        return message + f"no release's PPOTrainer does, {_unread(option)}"
    close = difflib.get_close_matches(option, known | releases.keys(), n=1)
    hint = f"did you mean {close[0]!r}?" if close else "it is no option of its PPOConfig; check the spelling"
    return message + hint


def _unread(option: str) -> str:
    return NEVER_READ[option][1]
