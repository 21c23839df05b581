"""The message for an option that the installed release does not support, with the releases that do.

``nox -s trl_contract`` makes ``option_releases.json`` from the wheels of all TRL releases. Behaviour never depends on
it; the installed config class decides.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from rldk.integrations.trl.config.unread import NEVER_READ
from rldk.integrations.trl.config.vocabulary import ADAPTIVE_KL, PORTABLE

# The train API's PPOConfig inherits these from transformers, so they are not in TRL's own files.
TRAINING_ARGUMENTS = frozenset(
    {"learning_rate", "lr_scheduler_type", "lr_scheduler_kwargs", "warmup_steps", "weight_decay", "max_grad_norm"}
    | {"num_train_epochs", "seed", "use_liger_kernel", "torch_empty_cache_steps", "optim"}
    | {"per_device_train_batch_size", "per_device_eval_batch_size", "gradient_accumulation_steps"}
    | {"bf16", "fp16", "use_cpu", "gradient_checkpointing", "remove_unused_columns", "push_to_hub", "run_name"}
    | {"hub_model_id", "hub_strategy", "hub_token", "hub_private_repo"}
    | {"report_to", "save_strategy", "save_steps", "eval_strategy", "eval_steps", "logging_steps"}
)

# Arguments of `generate()` that have no option on some releases.
_SAMPLING = (
    *("do_sample", "top_p", "top_k", "min_p", "typical_p", "num_beams", "repetition_penalty", "no_repeat_ngram_size"),
    *("min_new_tokens", "min_length", "bad_words_ids", "eos_token_id", "pad_token_id"),
)
_IN_RUN_PPO = "pass it to run_ppo, which says so if the installed API does not take it"

# What to do instead of passing an option that the installed config does not have.
_INSTEAD: Mapping[str, str] = {
    "logging_dir": "transformers 5.15 removed it; leave it out, or set the environment variable "
    "TENSORBOARD_LOGGING_DIR",
    **dict.fromkeys(_SAMPLING, _IN_RUN_PPO),
    **dict.fromkeys(ADAPTIVE_KL, "it adapts the KL coefficient, which is fixed here; pass adap_kl_ctrl=True too"),
}

# Options that some releases take and use wrongly: those releases, and what their trainer does.
MISUSED: Mapping[str, tuple[str, str]] = {
    "gradient_accumulation_steps": (
        "0.4.1-0.4.7",
        "adds up gradients wrongly (huggingface/trl#321, huggingface/trl#583)",
    ),
}

_RUN_NAME = "the trainer replaces it with a name made of exp_name, seed and time; set exp_name instead"


# Argument of `generate()` -> the option that sets it.
OPTION_OF_ARGUMENT: Mapping[str, str] = {
    "max_new_tokens": "response_length",
    "max_length": "response_length",
    "temperature": "temperature",
    "eos_token_id": "stop_token_id",
    "batch_size": "local_rollout_forward_batch_size",
}


@cache
def option_releases() -> Mapping[str, str]:
    """Return option -> the releases that support it, such as ``0.17.0-1.12.0``."""
    text = (files(__package__) / "option_releases.json").read_text(encoding="utf-8")
    table: dict[str, str] = json.loads(text)
    return table


def taking_releases(option: str) -> str:
    """Return the releases with a config that takes an option, including those that use it wrongly."""
    misused, _ = MISUSED.get(option, ("", ""))
    return ", ".join(filter(None, (misused, option_releases().get(option, ""))))


def refusal(
    option: str,
    installed: str,
    known: frozenset[str],
    other_api: frozenset[str] = frozenset(),
) -> str:
    """Return one line that names an unsupported option and the releases that support it.

    Args:
        option: The option as it was passed.
        installed: The installed release as messages name it.
        known: The options that its config takes.
        other_api: The options that ``api="train"`` supports on this release.
    """
    message = f"create_ppo_config: {installed} does not support {option!r}: "
    releases = option_releases()
    if option in known:
        return message + _misuse(option)
    if option in releases and option not in ADAPTIVE_KL:
        here = ', or pass api="train"' if option in other_api else ""
        return message + f"TRL {releases[option]} supports it; leave it out{here}"
    if OPTION_OF_ARGUMENT.get(option) in known | set(PORTABLE):
        return message + f"set {OPTION_OF_ARGUMENT[option]!r} instead"
    if option in _INSTEAD:
        return message + _INSTEAD[option]
    if option in NEVER_READ:
        return message + f"no release's PPOTrainer uses it: {_unread(option)}"
    close = difflib.get_close_matches(option, known | releases.keys(), n=1)
    hint = f"did you mean {close[0]!r}?" if close else "its PPOConfig has no such option; check the spelling"
    return message + hint


def _misuse(option: str) -> str:
    releases = option_releases()
    if option in MISUSED:
        return f"its PPOTrainer {MISUSED[option][1]}; TRL {releases[option]} supports it; leave it out"
    can = ""
    if option in NEVER_READ:
        reason = _unread(option)
        can = f"; TRL {releases[option]} supports it" if option in releases else ""
    else:
        reason = _RUN_NAME if option == "run_name" else "TRL sets it itself"
    return f"its PPOConfig takes it, but its PPOTrainer does not use it: {reason}{can}"


def _unread(option: str) -> str:
    return NEVER_READ[option][1]
