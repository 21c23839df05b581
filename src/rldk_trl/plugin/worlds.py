"""How the processes of each world are started: its launcher's environment variables, and options of the config."""

from __future__ import annotations

import importlib
import os
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class World:
    """The variables are those that accelerate's launcher sets. ``torchrun``'s are set for every world."""

    environment: dict[str, str]
    options: dict[str, Any] = field(default_factory=dict)


_CPU = {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}


def _deepspeed(stage: int) -> World:
    # DeepSpeed runs on a CPU only if transformers is not asked for one: `use_cpu` would turn DeepSpeed off.
    return World(
        {
            **_CPU,
            "DS_ACCELERATOR": "cpu",
            "ACCELERATE_USE_DEEPSPEED": "true",
            "ACCELERATE_DEEPSPEED_ZERO_STAGE": str(stage),
            "ACCELERATE_DEEPSPEED_OFFLOAD_OPTIMIZER_DEVICE": "none",
            "ACCELERATE_DEEPSPEED_OFFLOAD_PARAM_DEVICE": "none",
        },
        {"use_cpu": False, "bf16": False, "ddp_backend": "gloo"},
    )


WORLDS = {
    "ddp": World({**_CPU, "ACCELERATE_USE_CPU": "true"}),
    "zero2": _deepspeed(2),
    "zero3": _deepspeed(3),
}


def without_compiler() -> None:
    """In a rank: keep DeepSpeed from compiling its communication for CPUs, and use gloo alone.

    It would take a compiler and up to a minute, and a rank that is killed meanwhile leaves a lock behind that every
    later one waits for.
    """
    if os.environ.get("DS_ACCELERATOR") == "cpu":
        importlib.import_module("deepspeed.ops").__compatible_ops__["deepspeed_shm_comm"] = False
