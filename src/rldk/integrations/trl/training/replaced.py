"""Replace methods on one object for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def replaced(part: Any, **methods: Any) -> Iterator[None]:
    """Within the context, replace methods on this object; restore what was set on the object before."""
    before = {name: vars(part)[name] for name in methods if name in vars(part)}
    vars(part).update(methods)
    try:
        yield
    finally:
        for name in methods:
            del vars(part)[name]
        vars(part).update(before)
