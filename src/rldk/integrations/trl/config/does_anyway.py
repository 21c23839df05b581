"""Values that ask a release for something that it does anyway, so they need no option of its config.

tests/cell/test_does_anyway.py looks at what a run without these options does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# `run_ppo` ends a response of the step API at EOS; its learning rate is constant, and its Adam is AdamW without weight
# decay. The coefficient of the train API's KL penalty is fixed, and it uses scores as they are.
DOES_ANYWAY: Mapping[str, tuple[Any, ...]] = {
    "save_strategy": ("no",),
    "eval_strategy": ("no",),
    "eval_steps": (None,),
    "num_sample_generations": (0,),
    "gradient_accumulation_steps": (1,),
    "gradient_checkpointing": (False,),
    "bf16": (False, None),
    "fp16": (False, None),
    "use_cpu": (False,),
    "stop_token": ("eos",),
    "stop_token_id": (None,),
    "missing_eos_penalty": (None, 0),
    "non_eos_penalty": (False,),
    "whiten_rewards": (False,),
    "max_grad_norm": (None, 0),
    "lr_scheduler_type": ("constant",),
    "lr_scheduler_kwargs": (None, {}),
    "warmup_steps": (0,),
    "warmup_ratio": (0,),
    "weight_decay": (0,),
    "optim": ("adamw_torch",),
    "adam_beta1": (0.9,),
    "adam_beta2": (0.999,),
    "adam_epsilon": (1e-8,),
    "logging_steps": (1,),
    "run_name": (None,),
    "push_to_hub": (False,),
    "hub_model_id": (None,),
    "ds3_gather_for_generation": (True,),
    "adap_kl_ctrl": (False,),
    "kl_estimator": ("k1",),
    "kl_penalty": ("kl",),
    "early_stopping": (False,),
    "use_score_scaling": (False,),
    "use_score_norm": (False,),
    "score_clip": (None,),
    "log_with": (None,),
}
