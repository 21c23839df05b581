"""Measure how much faster `-j 2` is than one cell at a time, and the time that our own code adds to uv and pytest.

    nox -s bench                      # four cells, each way twice
    nox -s bench -- 0.11.4 0.23.0     # these cells

Both ways run in turn, so that a noisy machine slows down both. The figures are ratios.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
CELLS = ("0.11.4", "0.12.2", "0.23.0", "1.12.0")
ROUNDS = 2


def run(cells: list[str], jobs: int) -> tuple[float, float]:
    """Run the cells afresh; return the seconds, and the share that our own code took (if they ran serially)."""
    sessions = [f"trl_matrix({cell})" for cell in cells]
    start = time.perf_counter()
    command = [sys.executable, "-m", "nox", "-s", *sessions, "-j", str(jobs), "--", "--fresh"]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    total = time.perf_counter() - start
    results = [json.loads((ROOT / f".matrix/results/{cell}.json").read_text(encoding="utf-8")) for cell in cells]
    theirs = sum(result["install_s"] + result["pytest_s"] for result in results)
    return total, (total - theirs) / total


def main() -> None:
    cells = sys.argv[1:] or list(CELLS)
    serial, parallel, ours = [], [], []
    for number in range(ROUNDS):
        seconds, share = run(cells, jobs=1)
        serial.append(seconds)
        ours.append(share)
        parallel.append(run(cells, jobs=2)[0])
        print(
            f"round {number + 1} of {ROUNDS}: {serial[-1]:.0f} s serially, {parallel[-1]:.0f} s with -j 2", flush=True
        )
    ratio = statistics.median(s / p for s, p in zip(serial, parallel, strict=True))
    print(f"{len(cells)} cells: -j 2 is {ratio:.2f} times as fast as serial")
    print(f"our own code (total minus uv minus pytest): {100 * statistics.median(ours):.1f}% of the serial run")


if __name__ == "__main__":
    main()
