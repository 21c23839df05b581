"""The releases on which the matrix saw PPO train; for what people read. Behavior never depends on them."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files


@cache
def measured_releases() -> frozenset[str]:
    """The releases on which the matrix saw PPO train, as public versions."""
    text = (files(__package__) / "measured.json").read_text(encoding="utf-8")
    return frozenset(json.loads(text)["trained"])
