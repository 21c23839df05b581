"""Read where a rank was from what ``faulthandler`` wrote."""

from __future__ import annotations

import re
from pathlib import Path

_FRAME = re.compile(r'^  File "(?P<file>.+)", line (?P<line>\d+) in (?P<name>.+)$', re.MULTILINE)


def main_thread(text: str) -> str:
    """Return the main thread's part: ``faulthandler`` writes it last."""
    return re.split(r"^(?:Current thread|Thread) .*\n", text, flags=re.MULTILINE)[-1]


def place(text: str, file: str | None) -> str:
    """Return in a few words where the main thread was: its innermost frame, and the innermost frame of ``file``."""
    frames = [found.groupdict() for found in _FRAME.finditer(main_thread(text))]
    if not frames:
        return "at an unknown place"
    inner = frames[0]
    own = next((frame for frame in frames if frame["file"] == file), inner)
    words = f"in {inner['name']} ({_short(inner)})"
    return words if own is inner else f"{words}, called from {own['name']} ({_short(own)})"


def _short(frame: dict[str, str]) -> str:
    return f"{Path(frame['file']).name}:{frame['line']}"
