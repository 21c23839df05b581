"""The result of one run of a cell, and its file ``.matrix/results/<cell>.json``."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from rldk_trl.errors import ResultError
from rldk_trl.files import write_whole
from rldk_trl.runner.junit import TestCounts
from rldk_trl.runner.outcome import Status

RESULTS = Path(".matrix") / "results"


@dataclass(frozen=True)
class CellResult:
    """What a run of a cell has shown.

    ``duration_s``: seconds for everything, installation included. ``packages``: name to version as installed.
    ``args``: what was given to pytest after ``--``; a run with such is not the whole cell. ``digest``:
    SHA-256 of all that the result depends on. ``install_s``, ``pytest_s``: seconds of uv's and of pytest's own
    processes; the rest of ``duration_s`` is ours. ``finished``: when the run ended, ISO 8601 in UTC; empty where an
    older rldk-trl has written the result.
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


@dataclass(frozen=True)
class ResultFiles:
    """Where the parts of one cell's result lie."""

    json: Path
    log: Path
    junit: Path

    def remove(self) -> None:
        """Remove what an earlier run has left, the result first: it must not stand without its log."""
        # What a kill in the middle of a write has left has a name of its own (files.write_whole).
        for path in (self.json, self.junit, self.log, *self.json.parent.glob(f".{self.json.name}.*.tmp")):
            path.unlink(missing_ok=True)


def result_files(root: Path, cell_id: str) -> ResultFiles:
    """The result's files for a cell, under the folder that holds ``.matrix``."""
    folder = root / RESULTS
    return ResultFiles(folder / f"{cell_id}.json", folder / f"{cell_id}.log", folder / f"{cell_id}.xml")


def write_result(root: Path, result: CellResult) -> Path:
    """Write a result, whole or not at all."""
    path = result_files(root, result.cell).json
    write_whole(path, json.dumps(dataclasses.asdict(result), indent=2) + "\n")
    return path


def read_result(root: Path, cell_id: str) -> CellResult | None:
    """The result of a cell's last run, or None where it has not run or was stopped.

    Raises:
        ResultError: the file is there but is no result.
    """
    return read_result_file(result_files(root, cell_id).json)


def read_result_file(path: Path) -> CellResult | None:
    """The result in a file that is named for its cell, or None where there is none.

    Raises:
        ResultError: the file is there but is no result.
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
