"""Fixes for TRL's trainers under DeepSpeed, applied to one trainer object. Without DeepSpeed there are none."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

from rldk.integrations.trl.checkpoints.save_and_load import ends_of_texts
from rldk.integrations.trl.releases.deepspeed import GRADIENTS_PARTITIONED, gathered, has_engine
from rldk.integrations.trl.releases.importing import import_or_explain
from rldk.integrations.trl.training.replaced import replaced


def start_deepspeed(config: Any) -> None:
    """Make accelerate's state for DeepSpeed from the plugin of the config, before TRL makes its ``Accelerator``.

    TRL's train API passes no plugin. Then accelerate 1.0.0-1.8.1 reads its own state, which is not there yet (``Please
    make sure to properly initialize your accelerator``, huggingface/trl#3453), and others make a plugin from the
    environment alone, so that the file in ``deepspeed=`` of the config has no effect.
    """
    plugin = getattr(config, "deepspeed_plugin", None)
    if plugin is not None and not import_or_explain("accelerate.state").is_initialized():
        import_or_explain("accelerate").Accelerator(deepspeed_plugin=plugin)


def fix_deepspeed_accumulation(trainer: Any) -> None:
    """Let gradients be accumulated with ZeRO-2 and ZeRO-3, which partition them at each backward pass.

    accelerate before 1.9 turns that off (``no_sync context manager is incompatible with gradient partitioning``,
    huggingface/accelerate#3656); from 1.9 on it does what this does.
    """
    accelerator = trainer.accelerator
    if has_engine(accelerator) and accelerator.state.deepspeed_plugin.zero_stage >= GRADIENTS_PARTITIONED:
        accelerator.no_sync = nullcontext


def fix_deepspeed_saves(trainer: Any) -> None:
    """Make ``save_model`` of the train API write the policy's whole weights. All processes must call it.

    TRL's own puts the policy where transformers needs DeepSpeed's engine: ``'GPT2LMHeadModel' object has no attribute
    'zero_gather_16bit_weights_on_model_save'`` (huggingface/trl#2122). Before ``train()`` there is not even that
    attribute.
    """
    if not has_engine(trainer.accelerator):
        return

    def save(output_dir: str | None = None, _internal_call: bool = False) -> None:
        policy = trainer.accelerator.unwrap_model(trainer.model).policy
        with ends_of_texts(trainer, policy), replaced(trainer, model=policy), gathered(policy.parameters()):
            if trainer.args.should_save:
                trainer._save(output_dir, state_dict=policy.state_dict())

    trainer.save_model = save
