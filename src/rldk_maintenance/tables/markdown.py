"""Markdown that the pages from the cells' results share: releases, and the lines about the source."""

from __future__ import annotations

from rldk_maintenance.tables.data import Measured
from rldk_maintenance.tables.spans import counted

MADE = "<!-- Made by `python -m rldk_maintenance tables`; do not edit. -->"


def where_seen(measured: Measured, name: str, entry: str, saw: str) -> list[str]:
    """Return one table cell per lane: the releases on which something was seen."""
    return [counted(measured.seen(name, entry, saw, lane), measured.releases) for lane in measured.lanes]


def source_line(measured: Measured) -> str:
    """Return the lines that name what a page was made from."""
    declared, read = measured.cells
    what = f"all {declared} cells" if declared == read else f"only {read} of {declared} cells"
    lanes = ", ".join(f"{lane} {len(found)}" for lane, found in measured.lanes.items())
    day = f"; the newest is from {measured.finished}" if measured.finished else ""
    return (
        f"Made from the results of {what} of [the matrix](matrix.md){day}.\n"
        f"Number of releases on which tests ran, by lane: {lanes}.\n"
        "`0.12.0-0.14.0 (3)` means the 3 releases of the matrix from 0.12.0 to 0.14.0."
    )
