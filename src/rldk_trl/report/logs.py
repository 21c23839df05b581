"""The end of a cell's log, as plain text of limited length."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

LINES_DECLARED = 10
LINES_OTHERWISE = 200
_LONGEST_LINE = 500
# Colours, cursor movements, and all other control characters except the newline and the tab.
_CONTROL = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@dataclass(frozen=True)
class LogEnd:
    """The last lines of a log. ``total``: the number of lines of the whole log."""

    text: str
    lines: int
    total: int


def log_end(path: Path, *, lines: int, characters: int) -> LogEnd | None:
    """Return the last lines of a log, within both limits, or None if there is no log."""
    try:
        content = path.read_bytes().decode("utf-8", "replace")
    except OSError:
        return None
    # Text that a progress bar has overwritten is not shown.
    every = [_CONTROL.sub("", line.rstrip("\r").rpartition("\r")[2]) for line in content.split("\n")]
    if every and not every[-1]:
        every.pop()
    kept: list[str] = []
    for line in reversed(every[-lines:]):
        shown = line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]} ..."
        characters -= len(shown) + 1
        if characters < 0:
            break
        kept.append(shown)
    return LogEnd("\n".join(reversed(kept)), len(kept), len(every))
