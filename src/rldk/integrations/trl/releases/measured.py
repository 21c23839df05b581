"""The releases on which PPO trained in the matrix, for messages only. Behaviour never depends on them."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files


@cache
def measured_releases() -> frozenset[str]:
    """Return the releases on which PPO trained in the matrix, as public versions."""
    text = (files(__package__) / "measured.json").read_text(encoding="utf-8")
    return frozenset(json.loads(text)["trained"])
