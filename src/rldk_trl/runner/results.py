"""The result of one run of a cell, and its file ``.matrix/results/<cell>.json``."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from rldk_trl.errors import ResultError
from rldk_trl.files import write_whole
from rldk_trl.matrix.schema import SINGLE
from rldk_trl.runner.junit import TestCounts
from rldk_trl.runner.outcome import Status

RESULTS = Path(".matrix") / "results"


@dataclass(frozen=True)
class CellResult:
    """The result of one run of a cell.

    ``duration_s``: seconds for everything, installation included. ``packages``: name to version as installed.
    ``args``: the options for pytest after ``--``; a run with such options may be only a part of the cell. ``digest``:
    SHA-256 of everything that the result depends on. ``install_s``, ``pytest_s``: seconds of uv's and of pytest's own
    processes; the rest of ``duration_s`` is ours. ``finished``: when the run ended, ISO 8601 in UTC; empty if an
    older rldk-trl wrote the result. ``device``: the name of the accelerator, in a world that has one.
    """

    cell: str
    trl: str
    lane: str
    status: Status
    phase: str | None
    reason: str | None
    duration_s: float
    packages: dict[str, str] = field(default_factory=dict)
    tests: TestCounts = field(default_factory=TestCounts)
    digest: str = ""
    args: tuple[str, ...] = ()
    finished: str = ""
    install_s: float = 0.0
    pytest_s: float = 0.0
    world: str = SINGLE
    device: str = ""


@dataclass(frozen=True)
class ResultFiles:
    """The paths of one cell's result."""

    json: Path
    log: Path
    junit: Path

    def remove(self) -> None:
        """Remove the files of an earlier run, the result first: a result must not exist without its log."""
        # A kill in the middle of a write leaves a temporary file (files.write_whole).
        for path in (self.json, self.junit, self.log, *self.json.parent.glob(f".{self.json.name}.*.tmp")):
            path.unlink(missing_ok=True)


def result_files(root: Path, cell_id: str) -> ResultFiles:
    """Return the paths of a cell's result, under the folder that holds ``.matrix``."""
    folder = root / RESULTS
    return ResultFiles(folder / f"{cell_id}.json", folder / f"{cell_id}.log", folder / f"{cell_id}.xml")


def write_result(root: Path, result: CellResult) -> Path:
    """Write a result, whole or not at all."""
    path = result_files(root, result.cell).json
    write_whole(path, json.dumps(dataclasses.asdict(result), indent=2) + "\n")
    return path


def read_result(root: Path, cell_id: str) -> CellResult | None:
    """Return the result of a cell's last run, or None if the cell has not run or was stopped.

    Raises:
        ResultError: the file exists but is not a result.
    """
    return read_result_file(result_files(root, cell_id).json)


def read_result_file(path: Path) -> CellResult | None:
    """Return the result in a file that is named after its cell, or None if the file does not exist.

    Raises:
        ResultError: the file exists but is not a result.
    """
    cell_id = path.name.removesuffix(".json")
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        content["tests"] = TestCounts(**content["tests"])
        content["args"] = tuple(content["args"])
        result = CellResult(**content)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ResultError(f"{path}: not a result ({type(error).__name__}: {error}); run the cell again") from None
    if result.status not in get_args(Status) or result.cell != cell_id:
        raise ResultError(f"{path}: not a result of {cell_id} ({result.cell}: {result.status}); run the cell again")
    return result
