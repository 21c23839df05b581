"""Turns the results of cells into ``.matrix/report.json`` and ``.matrix/report.md``."""

from __future__ import annotations

import dataclasses
import html
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rldk_trl.matrix.cells import Cell
from rldk_trl.matrix.files import write_whole
from rldk_trl.matrix.outcome import DECLARED
from rldk_trl.matrix.results import read_result

FOLDER = Path(".matrix")
NOT_RUN = "not run"
_COLUMNS = ("TRL", "lane", "API", "transformers", "torch", "status", "expected", "duration", "reason")


@dataclass(frozen=True)
class ReportRow:
    """One declared cell, run or not; ``as_declared`` only where it ran, whole, and did what was declared."""

    cell: str
    trl: str
    lane: str
    api: str
    transformers: str | None
    torch: str | None
    status: str
    expected: str
    as_declared: bool
    duration_s: float | None
    reason: str | None
    args: tuple[str, ...] = ()


def report_rows(root: Path, cells: Iterable[Cell]) -> list[ReportRow]:
    """One row for each cell.

    Raises:
        MatrixError: a result file cannot be read.
    """
    return [_row(root, cell) for cell in cells]


def _row(root: Path, cell: Cell) -> ReportRow:
    result = read_result(root, cell.id)
    expected = DECLARED[cell.expectation.status]
    release = cell.release
    if result is None:
        why = cell.expectation.reason
        return ReportRow(
            cell.id,
            release.version,
            cell.lane.name,
            release.api,
            None,
            None,
            NOT_RUN,
            expected,
            False,
            None,
            why,
        )
    return ReportRow(
        cell=cell.id,
        trl=release.version,
        lane=cell.lane.name,
        api=release.api,
        transformers=result.packages.get("transformers"),
        torch=result.packages.get("torch"),
        status=result.status,
        expected=expected,
        as_declared=result.status == expected and not result.args,
        duration_s=result.duration_s,
        reason=result.reason,
        args=result.args,
    )


def render_markdown(rows: Sequence[ReportRow]) -> str:
    """The report as one Markdown table under a line of totals."""
    run = [row for row in rows if row.status != NOT_RUN]
    good = sum(row.as_declared for row in rows)
    lines = [
        "# TRL compatibility matrix",
        "",
        f"{len(rows)} cells: {good} as declared, {len(run) - good} not as declared or run in part,"
        f" {len(rows) - len(run)} not run.",
        "",
        _line(_COLUMNS),
        _line(["---"] * len(_COLUMNS)),
    ]
    for row in rows:
        part = f"run in part: {' '.join(row.args)}" if row.args else None
        reason = "; ".join(text for text in (part, row.reason) if text)
        duration = None if row.duration_s is None else f"{row.duration_s:.0f} s"
        values = (
            row.trl,
            row.lane,
            row.api,
            row.transformers,
            row.torch,
            row.status,
            row.expected,
            duration,
            reason,
        )
        lines.append(_line([escape_cell(value or "") for value in values]))
    return "\n".join(lines) + "\n"


def escape_cell(text: str) -> str:
    """Text that a Markdown table shows as it is: no new cell, row, tag, link, emphasis or code."""
    flat = html.escape(" ".join(text.split()), quote=False)
    return re.sub(r"([\\`*_\[\]|~])", r"\\\1", flat)


def _line(values: Sequence[str]) -> str:
    return f"| {' | '.join(values)} |"


def write_reports(root: Path, cells: Iterable[Cell]) -> list[Path]:
    """Write both reports under ``root``; returns their paths.

    Raises:
        MatrixError: a result file cannot be read.
    """
    rows = report_rows(root, cells)
    content = {"schema": 1, "cells": [dataclasses.asdict(row) for row in rows]}
    json_path, markdown_path = root / FOLDER / "report.json", root / FOLDER / "report.md"
    write_whole(json_path, json.dumps(content, indent=2) + "\n")
    write_whole(markdown_path, render_markdown(rows))
    return [json_path, markdown_path]
