"""Keep what training leaves behind in a process (random state, accelerate's state) away from other tests."""

from __future__ import annotations

import importlib
import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rldk.integrations.trl.data.random_state import RandomState

_ACCELERATE_VARIABLES = ("ACCELERATE_", "FSDP_")


def seed_everything(seed: int) -> None:
    """Seed ``random``, numpy and torch."""
    np, torch = _generators()

    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


@contextmanager
def preserved_random_state() -> Iterator[None]:
    """Restore the random state on exit."""
    before = RandomState.capture()
    try:
        yield
    finally:
        before.restore()


@contextmanager
def isolated_accelerate() -> Iterator[None]:
    """Start without accelerate state; on exit restore the earlier state and accelerate's environment variables.

    accelerate keeps one state for the whole process. A trainer would inherit the precision and device of the test
    that made the first trainer. A plain reset would also clear the state of a caller's own ``Accelerator``.
    """
    import accelerate.state

    classes = [
        found
        for name in ("AcceleratorState", "PartialState", "GradientState")  # PartialState came in 0.17
        if (found := getattr(accelerate.state, name, None)) is not None
    ]
    states = [(cls, cls._shared_state, dict(cls._shared_state)) for cls in classes]
    variables = _accelerate_variables()
    for cls in classes:
        cls._shared_state.clear()
    try:
        yield
    finally:
        for cls, shared, content in states:
            if cls._shared_state is not shared:  # accelerate 0.16 resets its state by assigning a new dict
                cls._shared_state = shared
            shared.clear()
            shared.update(content)
        for name in _accelerate_variables().keys() - variables.keys():
            del os.environ[name]
        os.environ.update(variables)


def _generators() -> tuple[Any, Any]:
    return importlib.import_module("numpy"), importlib.import_module("torch")


def _accelerate_variables() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith(_ACCELERATE_VARIABLES)}
