"""The environment variables of a cell's processes."""

from __future__ import annotations

from collections.abc import Mapping

from rldk_trl.cell_protocol import CHECK_VARIABLE, EXCEPTIONS_VARIABLE, WORLD_VARIABLE
from rldk_trl.matrix.cells import Cell
from rldk_trl.matrix.schema import SINGLE
from rldk_trl.runner.uv_tool import uv_environment

# A cell uses no Hub, no tracker and no accelerator. With one thread, the same seed gives the same numbers on any
# machine, however many cells run at once. Tiny models do not run faster with more threads.
CELL_ENV = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "WANDB_MODE": "disabled",
    "CUDA_VISIBLE_DEVICES": "",
    "OMP_NUM_THREADS": "1",
    "PYTHONUNBUFFERED": "1",
}

_DEVICES_VARIABLE = "CUDA_VISIBLE_DEVICES"


def cell_environment(cell: Cell, base: Mapping[str, str], own: Mapping[str, str]) -> dict[str, str]:
    """Return all environment variables of a cell.

    Args:
        cell: the cell.
        base: the environment to start from.
        own: the caller's variables, which override all others.
    """
    world = cell.world
    usual = {name: value for name, value in CELL_ENV.items() if not (world.device and name == _DEVICES_VARIABLE)}
    env = {**base, **uv_environment(base, world.device), **usual}
    # The cell must import only what is installed in it, not what the caller's shell adds.
    for name in ("PYTHONPATH", "PYTHONHOME", WORLD_VARIABLE):
        env.pop(name, None)
    if world.name != SINGLE:
        env[WORLD_VARIABLE] = world.name
    return {**env, "RLDK_TRL_CELL": cell.id, CHECK_VARIABLE: "1", EXCEPTIONS_VARIABLE: "1", **own}
