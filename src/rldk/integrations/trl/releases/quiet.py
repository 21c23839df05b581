"""Keep other libraries' warnings from becoming errors, and leave the user's own code its warning filters.

``warnings.catch_warnings`` cannot do this with threads: it replaces the filters of the whole process, and two threads
that overlap leave the filters of one behind. So nothing is replaced here. Entries of our own stand in the list while
they are needed. They do not match where the user's code runs, and they are the only ones that are taken out.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

# The user cannot fix the warnings of these packages.
_THIRD_PARTY = frozenset({"trl", "transformers", "torch", "rldk"})

# Whether the user's code runs in this thread; None outside `third_party_warnings`.
_users_code: ContextVar[bool | None] = ContextVar("_users_code", default=None)


def is_users(code: Any) -> bool:
    """Whether a function or an object with methods is the user's own."""
    return str(getattr(code, "__module__", None)).partition(".")[0] not in _THIRD_PARTY


@contextmanager
def third_party_warnings() -> Iterator[None]:
    """Within the context, show warnings instead of raising them under ``-W error``.

    TRL warns about its own PPO on import and construction (FutureWarning in 0.11 and 0.26-0.28, DeprecationWarning in
    0.12, UserWarning in 0.24-0.25), and transformers, torch and datasets warn about each other. The caller cannot fix
    these, so under ``-W error`` they would end every run. They stay visible. The calls of user code inside run in
    `callers_warnings`. Other threads, such as torch's own, show their warnings too meanwhile.
    """
    if _users_code.get() is False or all(entry[0] != "error" for entry in warnings.filters):
        yield
        return
    token = _users_code.set(False)
    _entries.add()
    try:
        yield
    finally:
        _entries.remove()
        _users_code.reset(token)


@contextmanager
def callers_warnings() -> Iterator[None]:
    """Within the context, inside `third_party_warnings`, warnings of this thread are treated as outside it."""
    if _users_code.get() is not False:
        yield
        return
    token = _users_code.set(True)
    _entries.remove()
    try:
        yield
    finally:
        _entries.add()
        _users_code.reset(token)


class _Message:
    """Stands where a filter has the pattern of a message. Matches texts that are new, or that were ``shown``."""

    def __init__(self, pattern: Any, shown: set[str], *, new: bool) -> None:
        self._pattern, self._shown, self._new = pattern, shown, new

    def match(self, text: str) -> bool:
        """Return whether the filter applies to this warning. Python calls it for each one."""
        if _users_code.get() or (self._pattern is not None and not self._pattern.match(text)):
            return False
        if (text not in self._shown) is not self._new:
            return False
        self._shown.add(text)
        return True


class _Entries:
    """The entries in the list of filters. They are there while a thread needs them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._needed_by = 0
        self._lists: list[list[Any]] = []  # each `catch_warnings`, of any thread, makes another list

    def add(self) -> None:
        """Put two entries before each one that raises: a warning that it would raise is shown once."""
        with self._lock:
            self._needed_by += 1
            filters: list[Any] = warnings.filters  # type: ignore[assignment]  # typeshed declares a sequence
            if all(filters is not known for known in self._lists):
                self._lists.append(filters)
            for index in reversed(range(len(filters))):
                action, pattern, *where = filters[index]
                if action == "error" and not (index and _is_ours(filters[index - 1])):
                    shown: set[str] = set()
                    # Neither action notes the warning in the module's registry, where it would hide a later error.
                    filters[index:index] = [
                        ("ignore", _Message(pattern, shown, new=False), *where),
                        ("always", _Message(pattern, shown, new=True), *where),
                    ]

    def remove(self) -> None:
        """Take the entries out if no other thread needs them."""
        with self._lock:
            self._needed_by -= 1
            if self._needed_by:
                return
            for filters in (*self._lists, warnings.filters):
                for entry in [entry for entry in filters if _is_ours(entry)]:
                    filters.remove(entry)  # type: ignore[attr-defined]
            self._lists.clear()


def _is_ours(entry: Any) -> bool:
    return isinstance(entry[1], _Message)


_entries = _Entries()
