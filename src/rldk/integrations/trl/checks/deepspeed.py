"""Check a PPO setup for what fails under DeepSpeed with the installed TRL and accelerate."""

from __future__ import annotations

from collections.abc import Iterator

from rldk.integrations.trl.checks.setup import CheckedSetup, Finding
from rldk.integrations.trl.releases.deepspeed import (
    GRADIENTS_PARTITIONED,
    engine_hides_attributes,
    reads_own_state,
    turns_off_gradients,
    uses_deepspeed,
    zero_stage,
)
from rldk.integrations.trl.releases.importing import import_or_explain


def check_deepspeed(setup: CheckedSetup) -> Iterator[Finding]:
    """Check the reward model, accelerate's state and the accumulation of gradients, if DeepSpeed is used."""
    if not uses_deepspeed():
        return
    accelerate = import_or_explain("accelerate")
    if setup.is_train and setup.reward.is_peft and not setup.reward.is_wrapper and engine_hides_attributes():
        yield Finding(
            "issue",
            f"reward_model ({setup.reward.name}) is a PEFT model, and DeepSpeed's engine hides its base_model_prefix, "
            f"which {setup.trl} reads (huggingface/trl#2911, #3528): pass it to create_ppo_trainer, which adapts it, "
            f"or pass reward_model.merge_and_unload()",
            "peft-reward-with-deepspeed",
        )
    if setup.is_train and not accelerate.state.is_initialized() and reads_own_state(accelerate):
        yield Finding(
            "issue",
            f"accelerate {accelerate.__version__} fails with DeepSpeed in the trainer of {setup.trl} "
            f"(huggingface/trl#3453): let create_ppo_trainer create it, or use accelerate 1.9 or newer",
            "accelerator-made-after-the-config",
        )
    parts, stage = getattr(setup.config, "gradient_accumulation_steps", 1), zero_stage(setup.config)
    if parts > 1 and stage >= GRADIENTS_PARTITIONED and turns_off_gradients(accelerate):
        yield Finding(
            "warning",
            f"gradient_accumulation_steps is {parts}, and {setup.trl} then fails with ZeRO-{stage} and accelerate "
            f"{accelerate.__version__} (huggingface/accelerate#3656): let create_ppo_trainer create the trainer, or "
            f"use accelerate 1.9 or newer",
            "no-sync-with-zero",
        )
