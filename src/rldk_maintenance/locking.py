"""Write locks: one file of ``name==version`` lines per cell, resolved by uv as of the cell's cut-off date."""

from __future__ import annotations

from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from rldk_trl.errors import ResolutionError
from rldk_trl.files import write_whole
from rldk_trl.matrix.cells import Cell
from rldk_trl.matrix.locks import CONSTRAINTS, inputs_digest, lock_path
from rldk_trl.matrix.schema import PERIOD
from rldk_trl.runner.resolving import resolve


def make_lock(cell: Cell, uv: str, environment: dict[str, str], folder: Path = CONSTRAINTS) -> Path:
    """Resolve a cell now and write its lock, whole or not at all.

    Raises:
        ResolutionError: uv found no resolution.
    """
    path = lock_path(cell, folder)
    write_whole(path, render_lock(cell, resolve(cell, uv, environment)))
    return path


def render_lock(cell: Cell, lines: list[str]) -> str:
    """Return the text of a lock from uv's lines: sorted exact pins without local labels, so that any index has them.

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
            raise ResolutionError(f"{cell.id}: uv printed {line!r}, not an exact pin; check the cell's requirements")
        pins[canonicalize_name(requirement.name)] = Version(specifiers[0].version).public
    stood = "as they stood on" if cell.lane.name == PERIOD else "resolved as of"
    extra = cell.world.extra
    place = f"lane {cell.lane.name}, with {extra.name}" if extra else f"lane {cell.lane.name}"
    header = [
        f"# TRL {cell.release.version} ({place}): its dependencies {stood} {cell.cutoff},"
        f" Python {cell.matrix.python}.",
        f"# Use it with `pip install -c {cell.lock_name}.txt trl`.",
        f"# Made by `python -m rldk_maintenance lock {cell.lock_name}` from matrix.toml: change that, not this.",
        f"# inputs-sha256: {inputs_digest(cell)}",
    ]
    return "\n".join([*header, *(f"{name}=={pins[name]}" for name in sorted(pins))]) + "\n"
