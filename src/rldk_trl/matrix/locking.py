"""Locks: one file of ``name==version`` lines a cell, resolved by uv as of the cell's cut-off."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from rldk_trl.matrix.cells import Cell
from rldk_trl.matrix.files import write_whole
from rldk_trl.matrix.schema import PERIOD, MatrixError

CONSTRAINTS = Path(__file__).resolve().parents[1] / "constraints"
_DIGEST_LINE = re.compile(r"^# inputs-sha256: ([0-9a-f]{64})$", re.MULTILINE)


class ResolutionError(MatrixError):
    """The requirements of a cell cannot be met together."""


def lock_path(cell: Cell, folder: Path = CONSTRAINTS) -> Path:
    """Where a cell's lock lies."""
    return folder / f"{cell.id}.txt"


def inputs_digest(cell: Cell) -> str:
    """SHA-256 of all that a lock was resolved from: it tells a stale lock without asking the index."""
    matrix = cell.matrix
    inputs = {
        "trl": cell.release.version,
        "lane": cell.lane.name,
        "cutoff": cell.cutoff.isoformat(),
        "python": matrix.python,
        "requirements": sorted(cell.requirements),
        "fixed": [matrix.fixed.date.isoformat(), *sorted(matrix.fixed.packages)],
    }
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()


def read_lock(cell: Cell, folder: Path = CONSTRAINTS) -> str:
    """The text of a cell's lock.

    Raises:
        MatrixError: there is none, or it was resolved from other inputs than ``matrix.toml`` now gives.
    """
    path = lock_path(cell, folder)
    todo = f"run `python -m rldk_trl lock {cell.id}`"
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise MatrixError(f"constraints/{path.name}: missing; {todo}") from None
    found = _DIGEST_LINE.search(text)
    if found is None or found[1] != inputs_digest(cell):
        raise MatrixError(f"constraints/{path.name}: stale, {cell.matrix.path.name} has changed since; {todo}")
    return text


def read_pins(text: str) -> dict[str, str]:
    """Name to version, from the text of a lock."""
    lines = (line.strip() for line in text.splitlines())
    pins = (line.partition("==") for line in lines if line and not line.startswith("#"))
    return {name: version for name, _, version in pins}


def compile_command(uv: str, cell: Cell) -> list[str]:
    """The ``uv pip compile`` that resolves a cell; the requirements go to its standard input."""
    fixed = cell.matrix.fixed
    command = [uv, "pip", "compile", "-", "--quiet", "--no-header", "--no-annotate"]
    command += ["--python-version", cell.matrix.python, "--exclude-newer", f"{cell.cutoff}T23:59:59Z"]
    if cell.cutoff < fixed.date:
        for name in fixed.packages:
            command += ["--exclude-newer-package", f"{name}={fixed.date}T23:59:59Z"]
    return command


def resolve(cell: Cell, uv: str, environment: dict[str, str]) -> str:
    """Resolve a cell now, asking the index; returns the text of its lock.

    Raises:
        ResolutionError: uv found no resolution.
    """
    done = subprocess.run(
        compile_command(uv, cell),
        input="\n".join(cell.requirements),
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )
    if done.returncode != 0:
        said = " ".join(done.stderr.split())
        raise ResolutionError(f"{cell.id}: uv cannot resolve it as of {cell.cutoff}: {said}")
    return render_lock(cell, done.stdout.splitlines())


def render_lock(cell: Cell, lines: list[str]) -> str:
    """The text of a lock from uv's lines: sorted exact pins without local labels, so that any index has them.

    Raises:
        ResolutionError: a line is not an exact pin.
    """
    pins = {}
    for line in lines:
        if not line.strip():
            continue
        requirement = Requirement(line)
        specifiers = list(requirement.specifier)
        if len(specifiers) != 1 or specifiers[0].operator != "==" or requirement.marker or requirement.url:
            raise ResolutionError(f"{cell.id}: uv gave {line!r}, which is no exact pin; look at its requirements")
        pins[canonicalize_name(requirement.name)] = Version(specifiers[0].version).public
    stood = "as they stood on" if cell.lane.name == PERIOD else "resolved as of"
    header = [
        f"# TRL {cell.release.version} (lane {cell.lane.name}): its dependencies {stood} {cell.cutoff},"
        f" Python {cell.matrix.python}.",
        f"# Use it with `pip install -c {cell.id}.txt trl`.",
        f"# Made by `python -m rldk_trl lock {cell.id}` from matrix.toml: change that, not this.",
        f"# inputs-sha256: {inputs_digest(cell)}",
    ]
    return "\n".join([*header, *(f"{name}=={pins[name]}" for name in sorted(pins))]) + "\n"


def write_lock(cell: Cell, text: str, folder: Path = CONSTRAINTS) -> Path:
    """Write a cell's lock, whole or not at all."""
    path = lock_path(cell, folder)
    write_whole(path, text)
    return path
