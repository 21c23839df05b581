"""One row of the report for each declared cell, run or not."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rldk_trl.matrix.cells import Cell
from rldk_trl.matrix.schema import PERIOD, SINGLE
from rldk_trl.runner.junit import TestCounts
from rldk_trl.runner.outcome import DECLARED
from rldk_trl.runner.results import CellResult, read_result, result_files

NOT_RUN = "not run"


@dataclass(frozen=True)
class ReportRow:
    """One declared cell, run or not. ``as_declared``: the whole cell ran and ended as declared.

    ``instead``, ``link`` and ``cause`` come from ``matrix.toml``, and so does the ``reason`` if the cell has not run.
    """

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
    phase: str | None = None
    cause: str | None = None
    instead: str | None = None
    link: str | None = None
    tests: TestCounts | None = None
    finished: str = ""
    packages: dict[str, str] = field(default_factory=dict)
    world: str = SINGLE
    device: str = ""

    @property
    def ran(self) -> bool:
        """Whether there is a result."""
        return self.status != NOT_RUN

    @property
    def column(self) -> str:
        """The cell's place beside the other cells of its release (`Cell.column`)."""
        return self.lane if self.world == SINGLE else self.world

    @property
    def part(self) -> str | None:
        """A note that only a part of the cell's tests was run, or None."""
        return f"run in part: {' '.join(self.args)}" if self.args else None


def shown_cells(root: Path, cells: Sequence[Cell]) -> list[Cell]:
    """Return the cells without those of worlds that have no result, if cells of the world single are left."""
    ran = {cell.world.name for cell in cells if result_files(root, cell.id).json.exists()}
    return [cell for cell in cells if cell.world.name in {SINGLE, *ran}] or list(cells)


def report_rows(root: Path, cells: Iterable[Cell]) -> list[ReportRow]:
    """Return one row for each cell.

    Raises:
        ResultError: a result file cannot be read.
    """
    return [report_row(cell, read_result(root, cell.id)) for cell in cells]


def report_row(cell: Cell, result: CellResult | None) -> ReportRow:
    """Return the row of a cell with this result, or of a cell that has not run."""
    declared = cell.expectation
    row = ReportRow(
        cell=cell.id,
        trl=cell.release.version,
        lane=cell.lane.name,
        world=cell.world.name,
        api=cell.release.api,
        transformers=None,
        torch=None,
        status=NOT_RUN,
        expected=DECLARED[declared.status],
        as_declared=False,
        duration_s=None,
        reason=declared.reason,
        cause=declared.cause,
        instead=declared.instead,
        link=declared.link,
    )
    if result is None:
        return row
    return dataclasses.replace(
        row,
        transformers=result.packages.get("transformers"),
        torch=result.packages.get("torch"),
        status=result.status,
        as_declared=result.status == row.expected and not result.args,
        duration_s=result.duration_s,
        reason=result.reason,
        args=result.args,
        phase=result.phase,
        tests=result.tests,
        finished=result.finished,
        packages=result.packages,
        device=result.device,
    )


def trained(rows: Sequence[ReportRow]) -> tuple[int, int]:
    """Return on how many releases PPO trains, and how many releases have PPO.

    Only the lane period counts, in the world single. If there is no such row, every row counts.
    """
    column = PERIOD if any(row.column == PERIOD for row in rows) else None
    wanted = [row for row in rows if row.api != "none" and column in (row.column, None)]
    return sum(row.status == "pass" and row.as_declared for row in wanted), len(wanted)
