"""Compare two runs of the matrix."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rldk_trl.errors import ResultError
from rldk_trl.matrix.cells import Cell
from rldk_trl.report.merge import results_folder
from rldk_trl.report.rows import NOT_RUN, ReportRow, report_row
from rldk_trl.runner.results import read_result_file


@dataclass(frozen=True)
class Seen:
    """What one run shows about a cell, as far as two runs are compared."""

    status: str
    as_declared: bool
    packages: Mapping[str, str]
    reason: str | None = None


@dataclass(frozen=True)
class Change:
    """A cell that ended differently."""

    cell: str
    before: str
    now: str
    reason: str | None


@dataclass(frozen=True)
class PackageChange:
    """A package with different versions, or in one run only (None), and the cells with this difference."""

    name: str
    before: str | None
    now: str | None
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Changes:
    """What changed since the run ``other``. It is false if nothing changed."""

    other: str
    groups: dict[str, list[Change]] = field(default_factory=dict)
    packages: list[PackageChange] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.packages) or any(self.groups.values())


def find_changes(other: Path, cells: Iterable[Cell], rows: Sequence[ReportRow]) -> Changes:
    """Compare rows with another run: a folder with results, or the ``report.json`` of that run.

    Raises:
        ResultError: ``other`` is neither.
    """
    before = _from_report(other) if other.is_file() else _from_results(other, cells)
    now = {row.cell: Seen(row.status, row.as_declared, row.packages, row.reason) for row in rows if row.ran}
    return compare(str(other), before, now)


def compare(other: str, before: Mapping[str, Seen], now: Mapping[str, Seen]) -> Changes:
    """Return what changed between two runs.

    A cell that was not run before counts as a new failure if it is not as declared now. Otherwise it is only listed
    as run.
    """
    groups: dict[str, list[Change]] = {
        "New failures": [],
        "Fixed": [],
        "Other changes of status": [],
        "Run now, not before": [],
        "Run before, not now": [],
    }
    packages: dict[tuple[str, str | None, str | None], list[str]] = {}
    for cell in [*now, *(cell for cell in before if cell not in now)]:
        old, new = before.get(cell), now.get(cell)
        group = _group(old, new)
        if group:
            said = new.reason if new else None
            groups[group].append(Change(cell, _word(old), _word(new), said))
        if old and new:
            for name in sorted({*old.packages, *new.packages}):
                versions = old.packages.get(name), new.packages.get(name)
                if versions[0] != versions[1]:
                    packages.setdefault((name, *versions), []).append(cell)
    found = [PackageChange(*key, tuple(where)) for key, where in packages.items()]
    found.sort(key=lambda change: (-len(change.cells), change.name, change.before or "", change.now or ""))
    return Changes(other, groups, found)


def _group(old: Seen | None, new: Seen | None) -> str | None:
    if new is None:
        return "Run before, not now"
    if not new.as_declared and (old is None or old.as_declared):
        return "New failures"
    if old is None:
        return "Run now, not before"
    if new.as_declared and not old.as_declared:
        return "Fixed"
    return None if new.status == old.status else "Other changes of status"


def _word(seen: Seen | None) -> str:
    if seen is None:
        return NOT_RUN
    return seen.status if seen.as_declared else f"{seen.status} (not as declared)"


def _from_results(place: Path, cells: Iterable[Cell]) -> dict[str, Seen]:
    folder = results_folder(place)
    found = {}
    for cell in cells:
        row = report_row(cell, read_result_file(folder / f"{cell.id}.json"))
        if row.ran:
            found[cell.id] = Seen(row.status, row.as_declared, row.packages, row.reason)
    return found


def _from_report(path: Path) -> dict[str, Seen]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {
            str(row["cell"]): Seen(row["status"], row["as_declared"], dict(row["packages"]), row["reason"])
            for row in content["cells"]
            if row["status"] != NOT_RUN
        }
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ResultError(
            f"--compare {path}: not a report ({type(error).__name__}: {error}); pass a report.json of this"
            " rldk-trl, or a folder with results"
        ) from None
