"""Fixes for TRL's trainers on several processes, applied to one trainer object. With one process there are none."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rldk.integrations.trl.data.batches import seed_shuffling
from rldk.integrations.trl.releases.importing import import_or_explain
from rldk.integrations.trl.releases.main_process import process_count

# The distance of two processes' seeds in TRL's train API.
_SEED_STEP = 100_003


@contextmanager
def reference_can_be_wrapped(arguments: dict[str, Any]) -> Iterator[None]:
    """Within the context, the step API's constructor takes a frozen reference model on several processes.

    On CPU, accelerate wraps every model in ``DistributedDataParallel``, which refuses a model without trainable
    parameters (``DDP is not needed when a module doesn't have any parameters that require a gradient``). So the
    reference model is trainable for so long. If the constructor would make one that shares the policy's layers, it is
    made here.

    Args:
        arguments: Those of the constructor. Changed.
    """
    if process_count() == 1:
        yield
        return
    if arguments["ref_model"] is None and arguments.get("num_shared_layers") is not None:
        make = import_or_explain("trl").create_reference_model
        arguments["ref_model"] = make(arguments["model"], num_shared_layers=arguments.pop("num_shared_layers"))
    reference = arguments["ref_model"]
    frozen = [] if reference is None else [each for each in reference.parameters() if not each.requires_grad]
    for parameter in frozen:
        parameter.requires_grad = True
    try:
        yield
    finally:
        for parameter in frozen:
            parameter.requires_grad = False


def fix_step_processes(trainer: Any) -> None:
    """Fix a trainer of the step API on several processes. A second call changes nothing.

    The statistics of an update become means over all processes, so that each process logs the same and adapts its KL
    coefficient alike. TRL 0.2.0-0.7.4 keep those of each process on CPU, and 0.2.0-0.4.0 wait for ever on GPUs
    (huggingface/trl#151). Where TRL averages them, it divides without adding up if they are not on accelerate's
    device.
    """
    if trainer.accelerator.num_processes == 1 or "gather_stats" in vars(trainer):
        return
    seed_shuffling(trainer.dataloader, getattr(trainer.config, "seed", 0))
    trainer.record_step_stats = _with_means(trainer.record_step_stats, trainer)
    trainer.gather_stats = lambda stats: stats
    # On CPU false until 0.7.4; then one process may stop an epoch early while the others wait for it.
    trainer.is_distributed = True


def seed_each_process(trainer: Any) -> None:
    """Give each process random numbers of its own, as TRL's train API does. Its step API has the same in all."""
    index = trainer.accelerator.process_index
    if index:
        seed = getattr(trainer.config, "seed", 0) + _SEED_STEP * index
        import_or_explain("transformers").set_seed(seed)


def fix_train_processes(trainer: Any) -> None:
    """Fix a trainer of the train API on several processes. A second call changes nothing."""
    if trainer.accelerator.num_processes == 1:
        return
    seed_shuffling(trainer.dataloader, trainer.args.seed)
    inner = trainer.accelerator.unwrap_model(trainer.model)
    if not hasattr(trainer.model, "policy"):
        # TRL reads it for a PEFT policy without a reference model. Not a submodule, so no weight has two names.
        vars(trainer.model)["policy"] = inner.policy


def _with_means(record: Callable[..., dict[str, Any]], trainer: Any) -> Callable[..., dict[str, Any]]:
    @functools.wraps(record)
    def recorded(*args: Any, **kwargs: Any) -> dict[str, Any]:
        torch, accelerator = import_or_explain("torch"), trainer.accelerator
        stats = record(*args, **kwargs)
        names = [name for name, value in stats.items() if isinstance(value, float) or _is_one_number(value)]
        own = torch.tensor([float(stats[name]) for name in names], device=accelerator.device)
        means = accelerator.gather(own).reshape(-1, len(names)).mean(dim=0)
        for name, mean in zip(names, means, strict=True):
            stats[name] = mean.reshape(stats[name].shape) if hasattr(stats[name], "shape") else float(mean)
        return stats

    return recorded


def _is_one_number(value: Any) -> bool:
    return hasattr(value, "numel") and value.numel() == 1
