"""Failures of PPO that people reported, as one line of the error each, and errors that are not PPO's.

How each report was decided: ``reproduced``, by an entry that a test reproduces on TRL itself; ``advice``, by an entry
of advice only; ``out of scope``, with the reason.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

_CONTENT = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Case:
    """One report: where, on which release, the line of its error, and the entry that is right."""

    source: str
    trl: str
    category: str
    decided: str
    text: str
    entry: str | None
    why: str = ""


CASES = [Case(**row) for row in _CONTENT["reported"]]
REPRODUCED, ADVICE, OUT_OF_SCOPE = (
    [case for case in CASES if case.decided == decided] for decided in ("reproduced", "advice", "out of scope")
)
# What matches in these is only "possible".
NOT_OURS: list[str] = _CONTENT["not_ours"]
