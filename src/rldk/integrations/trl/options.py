"""Which releases' ``PPOConfig`` carries an option, for the message when the installed one does not.

Read from the wheels of all TRL releases (2026-11-22); options of transformers' ``TrainingArguments`` are not
listed. Behaviour never depends on this table: the installed class is asked.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping

_STEP_ALL = "0.2.0-0.11.4"
_TRAIN_ALL = "0.12.0-1.12.0"

OPTION_RELEASES: Mapping[str, str] = {
    **dict.fromkeys(
        ["adap_kl_ctrl", "horizon", "init_kl_coef", "ppo_epochs", "steps", "target", "log_with"], _STEP_ALL
    ),
    **dict.fromkeys(["accelerator_kwargs", "tracker_kwargs", "tracker_project_name", "forward_batch_size"], _STEP_ALL),
    **dict.fromkeys(["early_stopping", "target_kl", "compare_steps"], "0.4.2-0.11.4"),
    **dict.fromkeys(["use_score_norm", "use_score_scaling", "score_clip"], "0.6.0-0.11.4"),
    "optimize_cuda_cache": "0.4.1-0.11.4",
    "optimize_device_cache": "0.7.3-0.11.4",
    "ratio_threshold": "0.4.7-0.11.4",
    "kl_penalty": "0.4.7-0.11.4",
    "whiten_rewards": "0.7.3-1.12.0",
    "max_grad_norm": "0.3.0-1.12.0",
    "gradient_accumulation_steps": "0.4.1-1.12.0",
    **dict.fromkeys(["missing_eos_penalty", "stop_token", "stop_token_id", "num_sample_generations"], _TRAIN_ALL),
    **dict.fromkeys(["sft_model_path", "reward_model_path", "dataset_num_proc", "push_to_hub"], _TRAIN_ALL),
    **dict.fromkeys(["bf16", "fp16", "gradient_checkpointing", "save_strategy", "eval_strategy"], _TRAIN_ALL),
    **dict.fromkeys(["report_to", "logging_steps", "save_steps", "eval_steps", "warmup_steps"], _TRAIN_ALL),
    **dict.fromkeys(["weight_decay", "lr_scheduler_type", "num_train_epochs", "run_name"], _TRAIN_ALL),
    **dict.fromkeys(["model_adapter_name", "ref_adapter_name"], "0.13.0-1.12.0"),
    "ds3_gather_for_generation": "0.14.0-1.12.0",
    "kl_estimator": "0.17.0-1.12.0",
}

# Options that transformers took away, with what it took.
_REMOVED_BY_TRANSFORMERS: Mapping[str, str] = {
    "logging_dir": "transformers removed it in 5.15: drop it, or set the environment variable TENSORBOARD_LOGGING_DIR",
}


def refusal(option: str, installed: str, known: frozenset[str]) -> str:
    """One line that names an option the installed release cannot honour and the releases that can."""
    message = f"create_ppo_config: {installed} cannot honour {option!r}: "
    if option in OPTION_RELEASES:
        return message + f"TRL {OPTION_RELEASES[option]} can; leave it out here"
    if option in _REMOVED_BY_TRANSFORMERS:
        return message + _REMOVED_BY_TRANSFORMERS[option]
    close = difflib.get_close_matches(option, known | OPTION_RELEASES.keys(), n=1)
    hint = f"did you mean {close[0]!r}?" if close else "it is no option of its PPOConfig; check the spelling"
    return message + hint
