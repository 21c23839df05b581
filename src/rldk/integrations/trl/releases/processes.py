"""What the processes of one run do together. On one process everything here does nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rldk.integrations.trl.releases.importing import first_line, import_or_explain


class OtherProcessError(RuntimeError):
    """Another process of the run failed at what all of them do together."""


def from_all(accelerator: Any, value: Any) -> list[Any]:
    """Return what each process passed, by rank. Every process of the run must call it.

    Args:
        accelerator: The run's ``Accelerator``.
        value: Anything that can be pickled.
    """
    if accelerator.num_processes == 1:
        return [value]
    found: list[Any] = [None] * accelerator.num_processes
    import_or_explain("torch.distributed").all_gather_object(found, value)
    return found


@contextmanager
def failing_together(accelerator: Any, what: str) -> Iterator[None]:
    """Make all processes fail if one of them fails within the context, instead of waiting for it until a timeout.

    Every process of the run must enter it. All leave it at the same time.

    Args:
        accelerator: The run's ``Accelerator``.
        what: The public function that is at work, for the message.

    Raises:
        OtherProcessError: Another process failed, and this one did not. The message has its error.
    """
    error = None
    try:
        yield
    except Exception as raised:
        error = raised
    told = None if error is None else f"{type(error).__name__}: {first_line(error)}"
    others = from_all(accelerator, told)
    if error is not None:
        raise error
    for rank, line in enumerate(others):
        if line is not None:
            raise OtherProcessError(f"{what}: process {rank} of {len(others)} failed, so all stop: {line}")
