"""Split the cells among machines, in loads of about the same duration."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rldk_trl.errors import CommandError
from rldk_trl.matrix.cells import Cell
from rldk_trl.runner.results import read_result

MOST_JOBS = 256  # GitHub Actions: the limit of jobs in one job matrix
_GUESS_S = 60.0


@dataclass(frozen=True)
class Shard:
    """What one machine runs: ``cells`` in the order of the matrix, and the ``seconds`` that this should take."""

    number: int
    cells: tuple[str, ...]
    seconds: float


def make_shards(cells: Sequence[Cell], count: int, durations: Mapping[str, float]) -> list[Shard]:
    """Split the cells into at most ``count`` shards. No shard is empty, and the same input gives the same shards.

    Args:
        cells: the cells in the order of the matrix.
        count: at least 1, at most 256.
        durations: known seconds by cell. The median of these counts for every other cell.

    Raises:
        CommandError: the count is out of range.
    """
    if not 1 <= count <= MOST_JOBS:
        raise CommandError(f"--shards {count}: write a number from 1 to {MOST_JOBS}, the most jobs in a job matrix")
    known = [durations[cell.id] for cell in cells if cell.id in durations]
    guess = statistics.median(known) if known else _GUESS_S
    seconds = {cell.id: durations.get(cell.id, guess) for cell in cells}
    order = {cell.id: index for index, cell in enumerate(cells)}
    loads: list[list[str]] = [[] for _ in range(min(count, len(cells)))]
    totals = [0.0] * len(loads)
    # The longest first, each to the smallest load; of equal loads, to the one with fewer cells.
    for cell in sorted(order, key=lambda name: (-seconds[name], order[name])):
        index = min(range(len(loads)), key=lambda at: (totals[at], len(loads[at]), at))
        loads[index].append(cell)
        totals[index] += seconds[cell]
    return [
        Shard(number, tuple(sorted(load, key=order.__getitem__)), round(total, 1))
        for number, (load, total) in enumerate(zip(loads, totals, strict=True), start=1)
    ]


def known_durations(root: Path, cells: Iterable[Cell]) -> dict[str, float]:
    """Return the seconds of the cells with the result of a whole run under ``root``.

    Raises:
        ResultError: a result file cannot be read.
    """
    results = [read_result(root, cell.id) for cell in cells]
    return {result.cell: result.duration_s for result in results if result is not None and not result.args}


def job_matrix(shards: Iterable[Shard]) -> dict[str, list[dict[str, Any]]]:
    """Return the ``strategy.matrix`` of a GitHub Actions job, with one job per shard.

    ``sessions`` is for ``xargs nox -s``. Each name is quoted, because parentheses have a meaning in a shell.
    """
    return {
        "include": [
            {
                "shard": shard.number,
                "cells": " ".join(shard.cells),
                "sessions": " ".join(f'"trl_matrix({cell})"' for cell in shard.cells),
                "seconds": shard.seconds,
            }
            for shard in shards
        ]
    }
