"""Read locks: one file of ``name==version`` lines per cell."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

from rldk_trl.errors import MatrixError
from rldk_trl.matrix.cells import Cell
from rldk_trl.matrix.schema import Fixed

CONSTRAINTS = Path(__file__).resolve().parents[1] / "constraints"
_DIGEST_LINE = re.compile(r"^# inputs-sha256: ([0-9a-f]{64})$", re.MULTILINE)


def lock_path(cell: Cell, folder: Path = CONSTRAINTS) -> Path:
    """Return the path of a cell's lock."""
    return folder / f"{cell.lock_name}.txt"


def inputs_digest(cell: Cell) -> str:
    """Return the SHA-256 of everything that a lock is resolved from, to detect a stale lock without the index."""
    matrix = cell.matrix
    inputs: dict[str, object] = {
        "trl": cell.release.version,
        "lane": cell.lane.name,
        "cutoff": cell.cutoff.isoformat(),
        "python": matrix.python,
        "requirements": sorted(cell.requirements),
        "fixed": _fixed(matrix.fixed),
    }
    if cell.world.extra is not None:
        inputs["extra"] = _fixed(cell.world.extra.fixed)
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()


def _fixed(fixed: Fixed) -> list[str]:
    return [fixed.date.isoformat(), *sorted(fixed.packages)]


def read_lock(cell: Cell, folder: Path = CONSTRAINTS) -> str:
    """Return the text of a cell's lock.

    Raises:
        MatrixError: the lock is missing, or was resolved from other inputs than ``matrix.toml`` has now.
    """
    path = lock_path(cell, folder)
    todo = f"run `python -m rldk_maintenance lock {cell.lock_name}`"
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise MatrixError(f"constraints/{path.name}: missing; {todo}") from None
    found = _DIGEST_LINE.search(text)
    if found is None or found[1] != inputs_digest(cell):
        raise MatrixError(f"constraints/{path.name}: stale, {cell.matrix.path.name} has changed since; {todo}")
    return text


def read_pins(text: str) -> dict[str, str]:
    """Return name to version, from the text of a lock."""
    lines = (line.strip() for line in text.splitlines())
    pins = (line.partition("==") for line in lines if line and not line.startswith("#"))
    return {name: version for name, _, version in pins}
