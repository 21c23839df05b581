"""Reads what the cells' tests have noted, from the results in ``.matrix/results``.

A test notes what it saw as a property of its JUnit test case, ``rldk_trl:<table>`` = ``<entry>: <saw>``. Only notes of
tests that passed count. Where TRL cannot be imported no test runs; there the failure of the import, in the cell's log,
is what was seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from rldk.integrations.trl.advice.failures import explain_failure, failures
from rldk_maintenance.errors import MaintenanceError
from rldk_maintenance.tables.data import DECLARED_THERE, TABLES, Measured, Seen
from rldk_trl.cell_protocol import read_import_failure
from rldk_trl.matrix.cells import Cell
from rldk_trl.runner.junit import JUnitError, read_junit
from rldk_trl.runner.outcome import DECLARED
from rldk_trl.runner.results import CellResult, read_result, result_files

PREFIX = "rldk_trl:"
_NAMED = 5


@dataclass(frozen=True)
class CellNotes:
    """A cell's result and what its tests noted: table, entry, what was seen; in the order of the tests."""

    result: CellResult
    notes: tuple[tuple[str, str, str], ...]


def read_notes(root: Path, cells: Iterable[Cell], *, partial: bool = False) -> list[CellNotes]:
    """Read the results and notes of all cells.

    Args:
        root: the folder that holds ``.matrix``.
        cells: every cell of the matrix, by release.
        partial: take what is there, also of cells that are not as declared or ran in part.

    Raises:
        MaintenanceError: a result, or a note in it, cannot be read; or, without ``partial``, a cell has no result,
            ran in part or did not end as declared.
    """
    results = [(cell, read_result(root, cell.id)) for cell in cells]
    if not partial:
        _require_all(results)
    return [
        CellNotes(result, tuple(_notes(root, result) if result.tests.passed else _import_notes(root, result)))
        for _, result in results
        if result is not None
    ]


def combine(cells: Iterable[Cell], noted: Iterable[CellNotes]) -> Measured:
    """What all cells have seen together, with the releases on which each failure is declared to happen."""
    cells, noted = list(cells), list(noted)
    tables: dict[str, dict[str, dict[str, dict[str, set[str]]]]] = {table: {} for table in TABLES}
    lanes: dict[str, set[str]] = {cell.lane.name: set() for cell in cells}

    def add(table: str, entry: str, saw: str, result: CellResult) -> None:
        by_saw = tables[table].setdefault(entry, {})
        by_saw.setdefault(saw, {}).setdefault(result.lane, set()).add(result.trl)

    for cell in noted:
        for note in cell.notes:
            add(*note, cell.result)
        if cell.result.tests.passed:
            lanes[cell.result.lane].add(cell.result.trl)
        noted_here = {entry for table, entry, _ in cell.notes if table == "failures"}
        for entry in failures():
            # Where TRL cannot be imported, no other failure can happen.
            here = (cell.result.tests.passed and entry.in_every_cell) or entry.id in noted_here
            if here and entry.happens_on(cell.result.trl, cell.result.packages):
                add("failures", entry.id, DECLARED_THERE, cell.result)
    return Measured(
        releases=tuple(dict.fromkeys(cell.release.version for cell in cells)),
        no_ppo=frozenset(cell.release.version for cell in cells if cell.release.api == "none"),
        lanes={lane: frozenset(releases) for lane, releases in lanes.items()},
        cells=(len(cells), len(noted)),
        finished=max((cell.result.finished[:10] for cell in noted), default=""),
        tables=_frozen(tables),
    )


def disagreements(noted: Iterable[CellNotes]) -> list[str]:
    """Where a test saw a failure that the catalogue does not declare there, or none where it does; one line each."""
    known = {entry.id: entry for entry in failures()}
    said = []
    for cell in noted:
        for table, entry, saw in cell.notes:
            if table != "failures":
                continue
            if entry not in known:
                said.append(f"{cell.result.cell}: {entry!r} is not an entry of the catalogue")
                continue
            happens = known[entry].happens_on(cell.result.trl, cell.result.packages)
            if happens != (saw in ("reproduced", "found", "fixed")):
                declared = "declared" if happens else "not declared"
                said.append(f"{cell.result.cell}: {entry} was {saw} where it is {declared} to happen")
    return said


def _frozen(tables: Mapping[str, Mapping[str, Mapping[str, Mapping[str, set[str]]]]]) -> Mapping[str, Seen]:
    return {
        table: {
            entry: {
                saw: {lane: frozenset(releases) for lane, releases in by_lane.items()}
                for saw, by_lane in by_saw.items()
            }
            for entry, by_saw in entries.items()
        }
        for table, entries in tables.items()
    }


def _require_all(results: Iterable[tuple[Cell, CellResult | None]]) -> None:
    why: dict[str, list[str]] = {}
    for cell, result in results:
        if result is None:
            why.setdefault("have no result", []).append(cell.id)
        elif result.status != DECLARED[cell.expectation.status]:
            why.setdefault("are not as declared", []).append(cell.id)
        elif result.args:
            why.setdefault("ran in part", []).append(cell.id)
    if why:
        said = (f"{len(ids)} cells {problem} ({_some(ids)})" for problem, ids in why.items())
        raise MaintenanceError(
            f"tables: {', '.join(said)}; run `nox -s trl_matrix`, or take what is there with --partial"
        )


def _some(ids: list[str]) -> str:
    return ", ".join(ids[:_NAMED]) + (", ..." if len(ids) > _NAMED else "")


def _import_notes(root: Path, result: CellResult) -> Iterator[tuple[str, str, str]]:
    try:
        log = result_files(root, result.cell).log.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return
    failure = read_import_failure(log)
    if failure is not None:
        for entry in explain_failure(failure, result.trl, packages=result.packages):
            yield "failures", entry.id, "reproduced"


def _notes(root: Path, result: CellResult) -> Iterator[tuple[str, str, str]]:
    path = result_files(root, result.cell).junit
    try:
        report = read_junit(path)
    except JUnitError as error:
        raise MaintenanceError(f"tables: {result.cell}: {error}; run the cell again") from None
    if report.counts != result.tests:
        raise MaintenanceError(f"tables: {path.name} is of another run than {result.cell}.json; run the cell again")
    for name, value in report.properties:
        if not name.startswith(PREFIX):
            continue
        table = name.removeprefix(PREFIX)
        allowed = TABLES.get(table)
        # An entry such as "reward: function" has a colon too; where anything may be seen, what was seen may have more.
        entry, separator, saw = value.partition(": ") if allowed is None else value.rpartition(": ")
        if table not in TABLES or not separator or not entry.strip():
            raise MaintenanceError(
                f"tables: {result.cell}: a test noted {name!r} = {value!r}; write measure(table, entry, saw), "
                f"table one of {', '.join(TABLES)}"
            )
        if allowed is not None and saw not in allowed:
            raise MaintenanceError(
                f"tables: {result.cell}: a test saw {saw!r} of {entry!r} in {table}; write one of "
                f"{', '.join(allowed)}, or run the cell again if an older rldk-trl ran it"
            )
        yield table, entry, saw
