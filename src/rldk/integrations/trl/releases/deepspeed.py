"""DeepSpeed: whether a run uses it, and the parameters that ZeRO-3 spreads over the processes.

Such a parameter is empty in every process until it is gathered. All processes must gather it together.
"""

from __future__ import annotations

import copy
import inspect
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from rldk.integrations.trl.releases.importing import import_or_explain

GRADIENTS_PARTITIONED = 2
"""From this stage of ZeRO on, each process keeps only its part of the gradients."""


def uses_deepspeed() -> bool:
    """Whether the launcher asks for DeepSpeed. Accelerate reads the same variable, and PPO's trainers nothing else."""
    return os.environ.get("ACCELERATE_USE_DEEPSPEED", "").lower() in {"1", "true"}


def zero_stage(config: Any) -> int:
    """Return the stage of ZeRO that a run with this config would have, if it uses DeepSpeed."""
    plugin = getattr(config, "deepspeed_plugin", None)  # the step API's config has none
    return int(plugin.zero_stage if plugin is not None else os.environ.get("ACCELERATE_DEEPSPEED_ZERO_STAGE", "2"))


def has_engine(accelerator: Any) -> bool:
    """Whether the models that this ``Accelerator`` prepares are trained by DeepSpeed's engine."""
    return bool(accelerator.distributed_type == "DEEPSPEED")


def engine_hides_attributes() -> bool:
    """Whether DeepSpeed's engine hides what a ``PeftModel`` takes from its base model: it looks in ``dir()``."""
    code = inspect.getsource(import_or_explain("deepspeed").DeepSpeedEngine.__getattr__)
    return "in dir(" in code


def is_partitioned(parameter: Any) -> bool:
    """Whether this process has only its part of a parameter at the moment, so that the parameter looks empty."""
    return hasattr(parameter, "ds_shape") and tuple(parameter.shape) != tuple(parameter.ds_shape)


def whole_shape(parameter: Any) -> tuple[int, ...]:
    """Return the shape of the whole parameter."""
    return tuple(getattr(parameter, "ds_shape", parameter.shape))


@contextmanager
def gathered(parameters: Iterable[Any], *, changes: bool = False) -> Iterator[None]:
    """Within the context, every process has these parameters whole.

    Args:
        parameters: Those that are whole already are left alone, so that contexts can be nested.
        changes: Keep the changes that the first process makes in the context.
    """
    spread = [parameter for parameter in parameters if is_partitioned(parameter)]
    if not spread:
        yield
        return
    with import_or_explain("deepspeed").zero.GatheredParameters(spread, modifier_rank=0 if changes else None):
        yield


def copied(model: Any, memo: dict[int, Any] | None = None) -> Any:
    """Return a deep copy with whole parameters. A copy of a partitioned parameter would stay empty.

    Args:
        model: A module.
        memo: As for ``copy.deepcopy``.
    """
    with gathered(model.parameters()):
        return copy.deepcopy(model, memo)


def reads_own_state(accelerate: object) -> bool:
    """Whether ``Accelerator()`` reads its state where only the config's arguments made one: accelerate 1.0.0-1.8.1."""
    code = inspect.getsource(accelerate.Accelerator.__init__)  # type: ignore[attr-defined]  # it has no types
    return "PartialState._shared_state != {} and PartialState().distributed_type" in code


def turns_off_gradients(accelerate: object) -> bool:
    """Whether accelerate enters the engine's ``no_sync``, which DeepSpeed has since 0.16, also with ZeRO-2."""
    code = inspect.getsource(accelerate.Accelerator.no_sync)  # type: ignore[attr-defined]  # it has no types
    return "zero_stage" not in code and hasattr(import_or_explain("deepspeed").DeepSpeedEngine, "no_sync")
