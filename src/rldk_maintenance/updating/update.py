"""Keeps the matrix true: rows and locks for releases it lacks, and what their cells have shown.

Nothing is believed before it is measured: a new row is pending, which the project's own tests refuse, until its
cells ran; a failure becomes a draft, which they refuse too, until a person has judged it.
"""

from __future__ import annotations

import datetime
import io
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from packaging.version import Version

from rldk.integrations.trl.releases.installed import find_ppo
from rldk_maintenance.contract.index import IndexClient, index_url
from rldk_maintenance.contract.wheels import WheelStore, group_releases
from rldk_maintenance.errors import MaintenanceError
from rldk_maintenance.locking import make_lock
from rldk_maintenance.updating.measured import write_measured
from rldk_maintenance.updating.rows import PENDING, MatrixText, Row, draft_lines, new_row, same_table
from rldk_trl.errors import RldkTrlError
from rldk_trl.files import write_whole
from rldk_trl.matrix.cells import Cell, all_cells
from rldk_trl.matrix.loader import load_matrix
from rldk_trl.matrix.locks import CONSTRAINTS, read_lock
from rldk_trl.matrix.schema import LATE_PHASES, PERIOD, Api, Expectation, Matrix, Phase
from rldk_trl.runner.junit import JUnitError, read_junit
from rldk_trl.runner.results import CellResult, read_result, result_files
from rldk_trl.runner.uv_tool import find_uv, uv_environment


@dataclass(frozen=True)
class Upload:
    """A release on the index and the day of its first file."""

    version: Version
    date: datetime.date


class Index(Protocol):
    """What is asked of a package index."""

    def releases(self) -> list[Upload]:
        """Every release of TRL."""

    def api(self, version: Version) -> Api:
        """Which PPO API a release's files have."""


class PackageIndex:
    """The index that uv and pip are configured for."""

    def __init__(self) -> None:
        self._client = IndexClient(index_url())
        self._releases = {one.version: one for one in group_releases(self._client.files("trl"))}

    def releases(self) -> list[Upload]:
        """Every release of TRL.

        Raises:
            MaintenanceError: the index does not say when a release was uploaded.
        """
        for version, release in self._releases.items():
            if release.uploaded is None:
                raise MaintenanceError(
                    f"update: the index gives no upload date for TRL {version}; use one that speaks PEP 700"
                )
        return [Upload(one.version, datetime.date.fromisoformat(str(one.uploaded))) for one in self._releases.values()]

    def api(self, version: Version) -> Api:
        """Read the release's wheel.

        Raises:
            MaintenanceError: it has none, or it cannot be had or read.
        """
        with tempfile.TemporaryDirectory(prefix="rldk-trl-") as folder:
            wheel = WheelStore(Path(folder), self._client).get(self._releases[version])
            try:
                with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
                    archive.extractall(folder)
                return find_ppo(Path(folder) / "trl").api or "none"
            except (zipfile.BadZipFile, SyntaxError) as error:
                raise MaintenanceError(
                    f"update: TRL {version}: its wheel cannot be read ({error}); look at it"
                ) from None


def update_matrix(root: Path, index: Index, jobs: str | None) -> None:
    """Add what is missing to the checkout's matrix, run it with nox (``jobs`` None: do not), and record it.

    Raises:
        MaintenanceError: the index or uv failed, or a row stays pending.
    """
    path = root / "matrix.toml"
    for version in add_rows(path, index, datetime.datetime.now(datetime.UTC).date()):
        print(f"{version}: new row", flush=True)
    matrix = load_matrix(path)
    for name in add_locks(matrix, find_uv(), uv_environment()):
        print(f"{name}: resolved", flush=True)
    sessions = [f"trl_matrix({cell.id})" for cell in pending_cells(matrix)]
    if sessions and jobs is not None:
        # A cell that fails is a measurement: what it showed is in its result.
        parallel = [] if jobs == "1" else ["-j", jobs]  # which an older nox does not know
        subprocess.run([sys.executable, "-m", "nox", *parallel, "-s", *sessions], cwd=root, check=False)
    left = record(matrix, root)
    if left:
        raise MaintenanceError(f"update: not measured: {', '.join(left)}; look at .matrix/results, then run it again")
    write_measured(load_matrix(path))


def add_rows(path: Path, index: Index, today: datetime.date) -> list[str]:
    """Add a row to the matrix file for each release that it lacks; returns their versions."""
    matrix = MatrixText.parse(path.read_text(encoding="utf-8"))
    known = {row.version for row in matrix.rows}
    new = sorted((one for one in index.releases() if one.version not in known), key=lambda one: one.version)
    for upload in new:
        matrix = matrix.insert(new_row(matrix, upload.version, upload.date, index.api(upload.version), today))
    if new:
        write_whole(path, str(matrix))
    return [str(upload.version) for upload in new]


def add_locks(matrix: Matrix, uv: str, environment: dict[str, str], folder: Path = CONSTRAINTS) -> list[str]:
    """Resolve each cell whose lock is missing or stale; returns the names of the files."""
    made = []
    for cell in all_cells(matrix):
        if cell.expectation.phase == "resolve":
            continue
        try:
            read_lock(cell, folder)
        except RldkTrlError:
            made.append(make_lock(cell, uv, environment, folder).name)
    return made


def pending_cells(matrix: Matrix) -> list[Cell]:
    """The cells that no run has measured yet."""
    text = MatrixText.parse(matrix.path.read_text(encoding="utf-8"))
    versions = {row.version for row in text.rows if row.pending}
    return [cell for cell in all_cells(matrix) if cell.release.parsed in versions]


def record(matrix: Matrix, root: Path) -> list[str]:
    """Write into the pending rows what their cells under ``root`` have shown; returns those that stay pending."""
    text = MatrixText.parse(matrix.path.read_text(encoding="utf-8"))
    left = []
    for row in [row for row in text.rows if row.pending]:
        cells = [cell for cell in all_cells(matrix) if cell.release.parsed == row.version]
        measured = [_measured(root, cell) for cell in cells]
        if None in measured:
            left.append(str(row.version))
            continue
        pairs = [(cell, found) for cell, found in zip(cells, measured, strict=True) if found is not None]
        text = text.replace(_recorded(text, row, pairs))
    write_whole(matrix.path, str(text))
    return left


def _measured(root: Path, cell: Cell) -> Expectation | None:
    """What a cell has shown, in the words of a declaration; None where nothing was measured."""
    result = read_result(root, cell.id)
    if result is None or result.args or result.status not in ("pass", "no-ppo", "fail"):
        return None
    if result.status != "fail":
        return cell.expectation
    exception = _raised(root, result)
    if result.phase not in LATE_PHASES or exception is None:
        return None
    phase: Phase = "import" if result.phase == "import" else "test"
    return Expectation("xfail", str(result.reason), phase, exception)


def _raised(root: Path, result: CellResult) -> str | None:
    if result.phase == "import" and not result.tests.failed + result.tests.errors:
        return str(result.reason).partition(":")[0]
    try:
        failures = read_junit(result_files(root, result.cell).junit).failures
    except JUnitError:
        return None
    # A declaration holds one class; of several the first, and the strict run will say that there are more.
    return failures[0].exception if failures else None


def _recorded(text: MatrixText, row: Row, measured: Sequence[tuple[Cell, Expectation]]) -> Row:
    neighbours = text.neighbours(row.version)
    own = next(found for cell, found in measured if cell.lane.name == PERIOD)
    new = row.without(PENDING)
    if own.status == "xfail":
        new = new.without(*new.lines("expect", "reason", "link"))
        new = Row("\n".join([new.text, *_draft(own, neighbours[0])]))
    for cell, found in measured:
        if cell.lane.name == PERIOD or found == own:
            continue
        lane = cell.lane.name
        if found.status != "xfail":
            lines = [f"[release.{lane}]", f'expect = "{found.status}"']
        elif (same := same_table(neighbours, lane, found)) is not None:
            lines = [same]
        else:
            lines = [f"[release.{lane}]", *_draft(found, neighbours[0])]
        new = Row("\n".join([new.text, *lines]))
    return new


def _draft(found: Expectation, below: Row | None) -> list[str]:
    return draft_lines(str(found.phase), str(found.exception), str(found.reason), below)
