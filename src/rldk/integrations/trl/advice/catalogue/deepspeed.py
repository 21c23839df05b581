"""Failures under DeepSpeed. The worlds `zero2` and `zero3` reproduce them (tests/world/test_failures.py)."""

from __future__ import annotations

from functools import partial

from rldk.integrations.trl.advice.catalogue.failure import Failure

_TRL = "https://github.com/huggingface/trl/issues"

_on_zero2 = partial(Failure, world="zero2", fixed_by="create_ppo_trainer")
_on_zero3 = partial(Failure, world="zero3", fixed_by="create_ppo_trainer")

DEEPSPEED_FAILURES: tuple[Failure, ...] = (
    _on_zero2(
        id="accelerator-made-after-the-config",
        message=r"initialize your accelerator via '?`?accelerator = Accelerator\(\)",
        releases=">=0.9.2,<1.13",
        requires=("accelerate>=1.0,<1.9", "deepspeed"),
        cause="with DeepSpeed, the config's arguments set accelerate's state before the trainer makes its "
        "Accelerator, and accelerate 1.0-1.8 refuses that",
        advice="create the trainer with create_ppo_trainer, or pip install 'accelerate>=1.9' or 'accelerate<1.0'",
        link=f"{_TRL}/3453",
        found=True,
    ),
    _on_zero2(
        id="no-sync-with-zero",
        message=r"no_sync context manager is incompatible with gradient partitioning",
        releases=">=0.2,<1.13",
        requires=("deepspeed>=0.16", "accelerate<1.9"),
        cause="with DeepSpeed ZeRO-2 or ZeRO-3, gradients cannot be accumulated in accelerate's way",
        advice="create the trainer with create_ppo_trainer, pip install 'accelerate>=1.9', or set "
        "gradient_accumulation_steps=1",
        link="https://github.com/huggingface/accelerate/issues/3656",
        found=True,
    ),
    _on_zero2(
        id="trainer-without-deepspeed",
        message=r"'PPO(?:v2)?Trainer' object has no attribute 'deepspeed'",
        releases=">=0.10.1,<1.13",
        requires=("deepspeed",),
        cause="with DeepSpeed, save_model() reads the trainer's attribute deepspeed, which only train() sets, and "
        "only from 0.11.0 on",
        advice="create the trainer with create_ppo_trainer, or save after train() with TRL 0.11.0 or newer",
        link=f"{_TRL}/2025",
        found=False,
    ),
    _on_zero3(
        id="zero3-save",
        message=r"has no attribute '?zero_gather_16bit_weights_on_model_save",
        releases=">=0.11,<1.13",
        requires=("deepspeed", "transformers<5"),
        cause="save_model() puts the bare policy where saving with DeepSpeed ZeRO-3 needs DeepSpeed's engine",
        advice="create the trainer with create_ppo_trainer, or use ZeRO-2",
        link=f"{_TRL}/2122",
        found=False,
    ),
    _on_zero2(
        id="policy-config-as-deepspeed-config",
        message=r"'\w+Config' object has no attribute 'get'",
        releases=">=0.12,<1.13",
        requires=("deepspeed", "transformers>=5"),
        cause="save_model() puts the bare policy where transformers 5 reads the config of DeepSpeed's engine",
        advice="create the trainer with create_ppo_trainer, or pip install 'transformers<5'",
        link=f"{_TRL}/2122",
        found=False,
    ),
)
