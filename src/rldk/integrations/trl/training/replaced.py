"""Replace attributes of one object for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def replaced(part: Any, **attributes: Any) -> Iterator[None]:
    """Within the context, replace attributes of this object; restore what was set on the object before."""
    before = {name: vars(part)[name] for name in attributes if name in vars(part)}
    vars(part).update(attributes)
    try:
        yield
    finally:
        for name in attributes:
            del vars(part)[name]
        vars(part).update(before)
