"""Options that TRL's train API takes and never reads.

Its ``PPOConfig`` inherits transformers' ``TrainingArguments``, but its ``PPOTrainer`` calls neither the constructor
nor the training loop of transformers' ``Trainer``. That nothing reads these is measured in each cell of the matrix
(tests/cell/test_config_effects.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_BATCH = "it computes that from per_device_train_batch_size, gradient_accumulation_steps and num_mini_batches"
_LOADER = "it makes its own data loader; wrap the dataset, or give a data_collator"
_LOOP = "it belongs to transformers' own training loop, which PPO's train() replaces"

# Option -> the values that are as if it was not given, and what to say of others.
NEVER_READ: Mapping[str, tuple[tuple[Any, ...], str]] = {
    "batch_size": ((None,), _BATCH),
    "mini_batch_size": ((None,), _BATCH),
    "micro_batch_size": ((None,), _BATCH),
    "local_batch_size": ((None,), _BATCH),
    "local_mini_batch_size": ((None,), _BATCH),
    "world_size": ((None,), "it asks accelerate"),
    "num_total_batches": ((None,), "it computes that from total_episodes"),
    "num_updates": ((None,), "it computes that from total_episodes"),
    "max_steps": ((-1, 0), "give total_episodes"),
    "max_grad_norm": ((None, 0), "it clips no gradients"),
    "remove_unused_columns": ((False,), "it passes every column to its data_collator"),
    "dataloader_drop_last": ((True,), _LOADER),
    "dataloader_num_workers": ((0,), _LOADER),
    "dataloader_pin_memory": ((False,), _LOADER),
    "dataloader_persistent_workers": ((False,), _LOADER),
    "dataloader_prefetch_factor": ((None,), _LOADER),
    "data_seed": ((None,), "it shuffles by seed"),
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
}
