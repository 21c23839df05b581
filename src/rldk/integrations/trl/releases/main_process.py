"""The processes of a run, as the launcher started them, and the warnings that only the first of them shows."""

from __future__ import annotations

import os
import warnings


def process_count() -> int:
    """Return how many processes ``torchrun`` or ``accelerate launch`` started for this run."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def on_each(processes: int) -> str:
    """Return the words that follow the size of a batch in a message."""
    return f" on each of {processes} processes" if processes > 1 else ""


def warn(message: str, stacklevel: int = 1) -> None:
    """Call ``warnings.warn`` in the main process, as all processes would say the same.

    Where a filter makes errors of warnings, the other processes warn too, so that all of them stop.
    """
    if os.environ.get("RANK", "0") == "0" or any(entry[0] == "error" for entry in warnings.filters):
        warnings.warn(message, stacklevel=stacklevel + 1)
