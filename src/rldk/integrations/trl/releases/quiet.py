"""Keep other libraries' warnings from becoming errors, and leave the user's own code its warning filters."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

# The filters outside `third_party_warnings`; None outside it, and in `callers_warnings`.
_callers: ContextVar[list[Any] | None] = ContextVar("_callers", default=None)


@contextmanager
def third_party_warnings() -> Iterator[None]:
    """Within the context, show warnings instead of raising them under ``-W error``.

    TRL warns about its own PPO on import and construction (FutureWarning in 0.11 and 0.26-0.28, DeprecationWarning in
    0.12, UserWarning in 0.24-0.25), and transformers, torch and datasets warn about each other. The caller cannot fix
    these, so under ``-W error`` they would end every run. They stay visible. The calls of user code inside run in
    `callers_warnings`. Warning filters belong to the whole process, so other threads have these too meanwhile.
    """
    if _callers.get() is not None or all(entry[0] != "error" for entry in warnings.filters):
        yield
        return
    token = _callers.set(list(warnings.filters))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            yield
    finally:
        _callers.reset(token)


@contextmanager
def callers_warnings() -> Iterator[None]:
    """Within the context, inside `third_party_warnings`, the warning filters are those outside it."""
    filters = _callers.get()
    if filters is None:
        yield
        return
    token = _callers.set(None)
    try:
        with warnings.catch_warnings():
            warnings.resetwarnings()
            warnings.filters[:] = filters  # type: ignore[index]  # a list, which typeshed declares as a sequence
            yield
    finally:
        _callers.reset(token)
