"""What `nox -s trl_contract` read of each release's wheel: its data file, read as data."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

DATA_FILE = Path(__file__).parents[2] / "src/rldk_maintenance/contract/releases.json"


@cache
def _content() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(DATA_FILE.read_text(encoding="utf-8"))
    return content


def fact(version: str, name: str) -> Any:
    """A fact of a release; None where the release does not have it."""
    order = list(_content()["releases"])
    place = order.index(version)
    for first, last, value in _content()["facts"].get(name, []):
        if order.index(first) <= place <= order.index(last):
            return value
    return None


def names(prefix: str) -> list[str]:
    """Names of all facts that begin with ``prefix``."""
    return [name for name in _content()["facts"] if name.startswith(prefix)]
