"""Resolve the requirements of a cell with uv, as of the cell's cut-off date."""

from __future__ import annotations

import os
import subprocess

from rldk_trl.errors import ResolutionError
from rldk_trl.matrix.cells import Cell


def compile_command(uv: str, cell: Cell) -> list[str]:
    """Return the ``uv pip compile`` command that resolves a cell. The requirements go to its standard input."""
    extra = cell.world.extra
    command = [uv, "pip", "compile", "-", "--quiet", "--no-header", "--no-annotate"]
    command += ["--python-version", cell.matrix.python, "--exclude-newer", f"{cell.cutoff}T23:59:59Z"]
    for fixed in (cell.matrix.fixed, *([extra.fixed] if extra else [])):
        if cell.cutoff < fixed.date:
            for name in fixed.packages:
                command += ["--exclude-newer-package", f"{name}={fixed.date}T23:59:59Z"]
    return command


def resolve(cell: Cell, uv: str, environment: dict[str, str]) -> list[str]:
    """Resolve a cell now from the index; return the lines that uv printed.

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
    return done.stdout.splitlines()
