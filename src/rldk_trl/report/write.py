"""Write the reports next to the results."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from rldk_trl.errors import ResultError
from rldk_trl.files import write_whole
from rldk_trl.matrix.cells import Cell
from rldk_trl.matrix.schema import Release
from rldk_trl.report.badge import render_badge
from rldk_trl.report.compare import find_changes
from rldk_trl.report.markdown import render_markdown
from rldk_trl.report.page import render_page
from rldk_trl.report.rows import report_rows, shown_cells

FOLDER = Path(".matrix")


def write_reports(
    root: Path, cells: Iterable[Cell], *, listed: Sequence[Release] = (), compare: Path | None = None
) -> list[Path]:
    """Write ``.matrix/report.json``, ``report.md``, ``badge.svg`` and ``report.html`` under ``root``.

    Args:
        root: the folder that holds ``.matrix``.
        cells: the cells that were to run. Worlds without any result are left out.
        listed: releases to name although they are not run.
        compare: another run (its results, or its ``report.json``) to show what changed since.

    Returns:
        The paths of the reports.

    Raises:
        ResultError: a result file, or ``compare``, cannot be read; a report cannot be written; or Jinja is not
            installed (the other three reports are written first).
    """
    cells = shown_cells(root, list(cells))
    rows = report_rows(root, cells)
    changes = find_changes(compare, cells, rows) if compare else None
    content = {
        "schema": 1,
        "cells": [dataclasses.asdict(row) for row in rows],
        "listed": [
            {"trl": release.version, "reason": release.expectation.reason, "link": release.expectation.link}
            for release in listed
        ],
        **({"changes": dataclasses.asdict(changes)} if changes is not None else {}),
    }
    paths = [root / FOLDER / name for name in ("report.json", "report.md", "badge.svg", "report.html")]
    _write(paths[0], json.dumps(content, indent=2) + "\n")
    _write(paths[1], render_markdown(rows, listed, changes))
    _write(paths[2], render_badge(rows))
    _write(paths[3], render_page(root, cells, rows, listed, changes))
    return paths


def _write(path: Path, text: str) -> None:
    try:
        write_whole(path, text)
    except OSError as error:
        raise ResultError(
            f"{path}: cannot be written ({error.strerror or error}); free disk space or make the folder writable"
        ) from None
