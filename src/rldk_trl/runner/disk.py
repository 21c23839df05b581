"""Keep the cells' environments within a disk budget. The least recently used are removed first."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from rldk_trl.errors import RunError

BUDGET_VARIABLE = "RLDK_TRL_DISK_GB"
DEFAULT_BUDGET_GB = 10.0
_RECORD = ".rldk-trl-used"  # its content: the size in bytes; its modification time: the last use


def budget_bytes(environ: Mapping[str, str]) -> float:
    """Return the budget in bytes.

    Raises:
        RunError: the variable is not a number of gigabytes.
    """
    text = environ.get(BUDGET_VARIABLE, str(DEFAULT_BUDGET_GB))
    try:
        gigabytes = float(text)
    except ValueError:
        gigabytes = -1.0
    if not 0 <= gigabytes < float("inf"):
        raise RunError(f"{BUDGET_VARIABLE}={text}: write a number of gigabytes, 0 or more")
    return gigabytes * 1e9


def record_use(environment: Path) -> int:
    """Record that an environment has just been used and how many bytes it takes; return the bytes.

    A file that uv hard-linked from its cache counts in part.
    """
    size = 0
    for folder, _, names in os.walk(environment):
        for name in names:
            status = os.lstat(os.path.join(folder, name))
            size += status.st_blocks * 512 // max(status.st_nlink, 1)
    (environment / _RECORD).write_text(str(size), encoding="utf-8")
    return size


def prune(environments: list[Path], budget: float, in_use: Path | None = None) -> list[Path]:
    """Remove environments, the least recently used first, until the rest fits the budget.

    Args:
        environments: folders; those without a record of use (being made, or not ours) are skipped.
        budget: bytes.
        in_use: an environment that is never removed.

    Returns:
        The removed environments.
    """
    used = {}
    for path in environments:
        with contextlib.suppress(FileNotFoundError, ValueError):
            record = path / _RECORD
            used[path] = (record.stat().st_mtime, int(record.read_text(encoding="utf-8")))
    total = sum(size for _, size in used.values())
    removed = []
    for path in sorted(used, key=lambda path: used[path][0]):
        if total <= budget:
            break
        if path == in_use:
            continue
        total -= used[path][1]
        shutil.rmtree(path, ignore_errors=True)
        removed.append(path)
    return removed
