"""The shipped matrix file as text, and the same without some of its lines."""

from __future__ import annotations

from rldk_trl.matrix.loader import find_matrix

SHIPPED = find_matrix().read_text(encoding="utf-8")


def line_of(version: str) -> str:
    (line,) = [line for line in SHIPPED.splitlines() if line.startswith(f'"{version}" ')]
    return line


def without(*versions: str) -> str:
    """The shipped text without the lines of some releases."""
    text = SHIPPED
    for version in versions:
        text = text.replace(line_of(version) + "\n", "")
    return text
