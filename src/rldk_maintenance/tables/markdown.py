"""What the generated pages share: tables, code and releases in Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from rldk_maintenance.tables.data import Measured
from rldk_maintenance.tables.spans import counted

MADE = "<!-- Made by `python -m rldk_maintenance tables`; do not edit. -->"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; a ``|`` in a cell is escaped."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in lines)


def code(text: str) -> str:
    """Text in a code span on one line, whatever backticks are in it."""
    flat = " ".join(text.split())
    longest = max(map(len, re.findall("`+", flat)), default=0)
    if longest == 0:
        return f"`{flat}`"
    fence = "`" * (longest + 1)
    return f"{fence} {flat} {fence}"


def where_seen(measured: Measured, name: str, entry: str, saw: str) -> list[str]:
    """One cell for each lane: the releases on which something was seen."""
    return [counted(measured.seen(name, entry, saw, lane), measured.releases) for lane in measured.lanes]


def source_line(measured: Measured) -> str:
    """The lines that say what a page was made from."""
    declared, read = measured.cells
    what = f"all {declared} cells" if declared == read else f"only {read} of {declared} cells"
    lanes = ", ".join(f"{lane} {len(found)}" for lane, found in measured.lanes.items())
    day = f", the newest of {measured.finished}" if measured.finished else ""
    return (
        f"Made from the results of {what} of [the matrix](matrix.md){day}.\n"
        f"Releases whose tests ran, by lane: {lanes}. `0.12.0-0.14.0 (3)` means all\n"
        "releases of the matrix from the first to the last, and their number."
    )
