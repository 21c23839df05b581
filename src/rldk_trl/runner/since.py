"""Find what has changed since a git revision, and whether that touches a cell."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path

from rldk_trl.errors import RldkTrlError, RunError
from rldk_trl.matrix.cells import Cell, find_cell
from rldk_trl.matrix.loader import load_matrix
from rldk_trl.matrix.locks import inputs_digest


def changed_files(root: Path, revision: str) -> frozenset[Path]:
    """Return the files that differ from ``revision`` in the working tree, and untracked files, as absolute paths.

    Raises:
        RunError: git is not installed, ``root`` is not in a checkout, or the revision does not exist.
    """
    top = Path(_git(root, revision, "rev-parse", "--show-toplevel").strip())
    # `--end-of-options`: a revision that begins with a dash is not an option of git.
    differ = _git(top, revision, "diff", "--name-only", "-z", "--end-of-options", revision, "--")
    untracked = _git(top, revision, "ls-files", "-z", "--others", "--exclude-standard")
    return frozenset((top / name).resolve() for name in (differ + untracked).split("\0") if name)


def touches(changed: Iterable[Path], inputs: Iterable[Path]) -> bool:
    """Whether one of the changed files is an input, or is in a folder that is an input."""
    places = {place.resolve() for place in inputs}
    return any(not places.isdisjoint({file, *file.parents}) for file in changed)


def row_changed(cell: Cell, revision: str) -> bool:
    """Whether a cell's row in ``matrix.toml`` differs from ``revision``. If it cannot be read there, it differs."""
    path = cell.matrix.path.resolve()
    shown = subprocess.run(
        ["git", "show", f"{revision}:./{path.name}"], cwd=path.parent, capture_output=True, text=True, check=False
    )
    with tempfile.TemporaryDirectory() as folder:
        old_path = Path(folder) / path.name
        old_path.write_text(shown.stdout, encoding="utf-8")
        try:
            old = find_cell(load_matrix(old_path), cell.id)
        except RldkTrlError:
            return True
    worlds_differ = (old.world.extra, old.world.device) != (cell.world.extra, cell.world.device)
    return worlds_differ or inputs_digest(old) != inputs_digest(cell) or old.expectation != cell.expectation


def _git(folder: Path, revision: str, *arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise RunError("--since: git is not installed; leave --since out") from None
    if done.returncode != 0:
        said = " ".join(done.stderr.split())
        raise RunError(f"--since {revision}: git reports: {said}; name a revision that `git log` shows")
    return done.stdout
