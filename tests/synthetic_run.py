"""A small matrix with a result of every kind, for the tests of the report, of merging and of shards."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from rldk_trl.matrix.cells import Cell, all_cells
from rldk_trl.matrix.loader import load_matrix
from rldk_trl.matrix.schema import Matrix
from rldk_trl.runner.junit import TestCounts
from rldk_trl.runner.results import CellResult, result_files, write_result

EVIL = "</pre><script>document.title = 'taken over'</script><img src=x onerror=alert(1)>"
TOP = """
schema = 2
python = "3.11"
torch = "2.13.0"
period_days = 10
[fixed]
date = 2026-11-01
packages = ["torch"]
[lanes.period]
about = "as they stood when the release came out"
[lanes.today]
about = "as a plain `pip install` resolves them"
cutoff = 2026-11-01
"""
RELEASES = {
    "0.1.0": 'date = 2022-05-15, api = "none"',
    "0.4.7": 'date = 2023-07-13, api = "step"',
    "0.11.4": 'date = 2024-10-15, api = "step"',
    "0.23.0": 'date = 2025-09-10, api = "train", smoke = true',
    "0.26.2": 'date = 2025-12-18, api = "train"',
    "1.16.0": 'date = 2026-10-15, api = "none"',
}
BLOCKS = """
[[expect]]
releases = "<0.2"
status = "listed"
reason = "older than PPOTrainer"
[[expect]]
releases = "==0.4.7"
lane = "today"
status = "xfail"
phase = "import"
exception = "ImportError"
cause = "dependency"
reason = "transformers dropped what it imports"
instead = "pin transformers<5"
link = "https://example.org/1"
[[expect]]
releases = ">=1.13"
status = "no-ppo"
reason = "deleted in 1.13.0"
"""
STATUSES = {
    "0.4.7": ("pass", None),
    "0.4.7-today": ("xfail", "transformers dropped what it imports"),
    "0.11.4": ("timeout", "not done within the cell's 60 s"),
    "0.11.4-today": ("error", "uv: no such package"),
    "0.23.0": ("pass", None),
    "0.23.0-today": ("fail", f"test_fix: AssertionError: {EVIL}"),
    "0.26.2": ("pass", None),
    "1.16.0": ("no-ppo", "deleted in 1.13.0"),
    "1.16.0-today": ("no-ppo", "deleted in 1.13.0"),
}  # 0.26.2-today has not run


def synthetic_matrix(folder: Path) -> Matrix:
    """The matrix, read from a file as any other."""
    path = folder / "rows.toml"
    lines = "".join(f'"{version}" = {{ {line} }}\n' for version, line in RELEASES.items())
    path.write_text(f"{TOP}[releases]\n{lines}{BLOCKS}", encoding="utf-8")
    return load_matrix(path)


def synthetic_result(cell: str, **changes: object) -> CellResult:
    """The result of one of the cells that have run."""
    status, reason = STATUSES[cell]
    version, _, lane = cell.partition("-")
    number = list(STATUSES).index(cell)
    result = CellResult(
        cell=cell,
        trl=version,
        lane=lane or "period",
        status=status,
        phase="import" if status == "xfail" else None,
        reason=reason,
        duration_s=10.0 + 7 * number,
        packages={"transformers": f"4.{9 + number}.0", "torch": "2.13.0", "trl": version},
        tests=TestCounts(passed=77, skipped=2),
        digest=f"{number:064x}",
        finished=f"2026-11-20T10:{number:02}:00+00:00",
    )
    return dataclasses.replace(result, **changes)


def write_synthetic(root: Path, *results: CellResult) -> None:
    """Write results with a log and a JUnit file each."""
    for result in results:
        write_result(root, result)
        files = result_files(root, result.cell)
        lines = [f"line {number} of {result.cell}" for number in range(1, 301)]
        files.log.write_text(
            "\n".join([*lines, EVIL, f"\x1b[31mend of {result.cell}\x1b[0m"]) + "\n", encoding="utf-8"
        )
        files.junit.write_text("<testsuites/>\n", encoding="utf-8")


def write_synthetic_run(root: Path) -> tuple[Matrix, list[Cell]]:
    """The whole run; returns the matrix and its cells."""
    matrix = synthetic_matrix(root)
    write_synthetic(root, *map(synthetic_result, STATUSES))
    return matrix, all_cells(matrix)
