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
from rldk_maintenance.updating.rows import NO_PPO, MatrixText, add_draft, add_release
from rldk_trl.errors import RldkTrlError
from rldk_trl.files import write_whole
from rldk_trl.matrix.cells import Cell, all_cells
from rldk_trl.matrix.loader import load_matrix
from rldk_trl.matrix.locks import CONSTRAINTS, read_lock
from rldk_trl.matrix.schema import LATE_PHASES, SINGLE, Api, Expectation, Matrix, Phase
from rldk_trl.runner.junit import JUnitError, read_junit
from rldk_trl.runner.outcome import otherwise_than
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
    text = MatrixText(path.read_text(encoding="utf-8"))
    known = text.releases
    new = sorted((one for one in index.releases() if one.version not in known), key=lambda one: one.version)
    for upload in new:
        add_release(text, upload.version, upload.date, index.api(upload.version), today)
    if new:
        write_whole(path, str(text))
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
    """The cells that no run has measured yet, without those that need an accelerator."""
    pending = MatrixText(matrix.path.read_text(encoding="utf-8")).pending
    return [cell for cell in all_cells(matrix) if cell.release.parsed in pending and cell.world.device is None]


def record(matrix: Matrix, root: Path) -> list[str]:
    """Write into the pending rows what their cells under ``root`` have shown; returns those that stay pending."""
    text = MatrixText(matrix.path.read_text(encoding="utf-8"))
    left = []
    pending = pending_cells(matrix)
    for version in text.pending:
        cells = [cell for cell in pending if cell.release.parsed == version]
        seen = [(cell, found) for cell in cells if (found := _measured(root, cell)) is not None]
        if len(seen) < len(cells):
            left.append(str(version))
            continue
        text.end_pending(version)
        _record_surprises(text, version, seen)
    write_whole(matrix.path, str(text))
    return left


def _measured(root: Path, cell: Cell) -> Expectation | None:
    """What a cell has shown, in the words of a declaration; None where nothing was measured."""
    result = read_result(root, cell.id)
    if result is None or result.args or result.status in ("error", "timeout"):
        return None
    if result.status == "xpass":
        return NO_PPO if cell.release.api == "none" else Expectation()
    if result.status != "fail":
        return cell.expectation
    reason = str(result.reason).removeprefix(otherwise_than(cell.expectation))
    exception = _raised(root, result, reason)
    if result.phase not in LATE_PHASES or exception is None:
        return None
    phase: Phase = "import" if result.phase == "import" else "test"
    return Expectation("xfail", reason, phase, exception)


def _raised(root: Path, result: CellResult, reason: str) -> str | None:
    if result.phase == "import" and not result.tests.failed + result.tests.errors:
        return reason.partition(":")[0]
    try:
        failures = read_junit(result_files(root, result.cell).junit).failures
    except JUnitError:
        return None
    # A declaration holds one class; of several the first, and the strict run will say that there are more.
    return failures[0].exception if failures else None


def _record_surprises(text: MatrixText, version: Version, seen: Sequence[tuple[Cell, Expectation]]) -> None:
    """Add a block for each lane or world where a release did not do what is declared.

    There is only one block for all lanes if they did the same.
    """
    new = [(cell, found) for cell, found in seen if not _alike(found, cell.expectation)]
    single = [found for cell, found in new if cell.world.name == SINGLE]
    lanes = [cell for cell, _ in seen if cell.world.name == SINGLE]
    own = any(block.rank and block.world is None and block.matches(str(version)) for block in text.expects)
    one_for_all = len(single) == len(lanes) and len(set(single)) == 1 and not own
    blocks: list[tuple[dict[str, str], Expectation]] = [({}, single[0])] if one_for_all else []
    for cell, found in new:
        if cell.world.name != SINGLE:
            blocks.append(({"world": cell.world.name}, found))
        elif not one_for_all:
            blocks.append(({"lane": cell.lane.name}, found))
    for place, found in blocks:
        if found.status == "xfail":
            add_draft(text, version, place, found)
        else:
            text.add_expect(version, place, found)


def _alike(one: Expectation, other: Expectation) -> bool:
    return (one.status, one.phase, one.exception) == (other.status, other.phase, other.exception)
