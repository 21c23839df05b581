"""Options that TRL's train API takes but never reads.

Its ``PPOConfig`` inherits transformers' ``TrainingArguments``, but its ``PPOTrainer`` calls neither the constructor
nor the training loop of transformers' ``Trainer``. Each cell of the matrix checks that nothing reads them
(tests/cell/test_config_effects.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_BATCH = "the trainer computes it from per_device_train_batch_size, gradient_accumulation_steps and num_mini_batches"
_LOADER = "the trainer creates its own data loader; wrap the dataset, or pass a data_collator"
_LOOP = "it belongs to transformers' own training loop, which PPO's train() replaces"

# Option -> the values that change nothing, and the reason why other values are refused.
NEVER_READ: Mapping[str, tuple[tuple[Any, ...], str]] = {
    "batch_size": ((None,), _BATCH),
    "mini_batch_size": ((None,), _BATCH),
    "micro_batch_size": ((None,), _BATCH),
    "local_batch_size": ((None,), _BATCH),
    "local_mini_batch_size": ((None,), _BATCH),
    "world_size": ((None,), "the trainer gets it from accelerate"),
    "num_total_batches": ((None,), "the trainer computes it from total_episodes"),
    "num_updates": ((None,), "the trainer computes it from total_episodes"),
    "max_steps": ((-1, 0), "set total_episodes instead"),
    "max_grad_norm": ((None, 0), "the trainer does not clip gradients"),
    "remove_unused_columns": ((False,), "the trainer passes every column to its data_collator"),
    "dataloader_drop_last": ((True,), _LOADER),
    "dataloader_num_workers": ((0,), _LOADER),
    "dataloader_pin_memory": ((False,), _LOADER),
    "dataloader_persistent_workers": ((False,), _LOADER),
    "dataloader_prefetch_factor": ((None,), _LOADER),
    "data_seed": ((None,), "the trainer shuffles with seed"),
    "group_by_length": ((False,), _LOADER),
    "label_names": ((None,), _LOOP),
    "label_smoothing_factor": ((0,), _LOOP),
    "neftune_noise_alpha": ((None,), _LOOP),
    "auto_find_batch_size": ((False,), _LOOP),
    "full_determinism": ((False,), _LOOP),
    "ignore_data_skip": ((False,), _LOOP),
    "load_best_model_at_end": ((False, None), _LOOP),
    "resume_from_checkpoint": ((None,), _LOOP),
    "torch_empty_cache_steps": ((None,), _LOOP),
    "use_liger_kernel": ((False,), _LOOP),
    "deepspeed": ((None,), "the trainer takes DeepSpeed from the launcher; use accelerate launch --use_deepspeed"),
}
