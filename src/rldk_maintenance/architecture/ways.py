"""Boxes in rows, and the ways of arrows between them: an arrow that passes a row goes between its boxes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from rldk_maintenance.architecture.rooms import Arrows, Room
from rldk_maintenance.errors import MaintenanceError


class Box(NamedTuple):
    """A room with its place in the picture."""

    room: Room
    row: int
    middle: float
    y: float
    width: float
    height: float


def find_ways(boxes: Sequence[Box], arrows: Arrows, width: int) -> dict[tuple[Box, Box], list[float]]:
    """For each arrow the x where it leaves its box, passes each row on its way, and arrives.

    Raises:
        MaintenanceError: an arrow leads to its own row or above it.
    """
    named = {box.room.name: box for box in boxes}
    pairs = [(named[by], named[of]) for by, of in arrows]
    for by, of in pairs:
        if by.row >= of.row:
            said = f"{by.room.name} imports {of.room.name} against the layers in pyproject.toml"
            raise MaintenanceError(f"architecture: {said}; remove the import, `nox -s lint` shows where")
    lanes = [set(range(4, width, 8)) for _ in range(boxes[-1].row + 1)]
    for box in boxes:
        lanes[box.row] -= {x for x in lanes[box.row] if abs(x - box.middle) - 5 < box.width / 2}
    taken: Counter[tuple[int, int]] = Counter()
    ways: dict[tuple[Box, Box], list[float]] = {}
    # Short ways choose first: they have the fewest lanes near them.
    for by, of in sorted(pairs, key=lambda pair: (pair[1].row - pair[0].row, pair)):
        way = ways[by, of] = [by.middle]
        for row in range(by.row + 1, of.row):
            straight = way[-1] + (of.middle - way[-1]) / (of.row - row + 1)
            lane = min(lanes[row], key=lambda x: (taken[row, x], abs(x - straight), x))
            taken[row, lane] += 1
            way.append(lane)
        way.append(of.middle)
    # Those of a box leave it, and those to it arrive, side by side and in the order of their ways.
    for box in boxes:
        for end, toward in ((0, 1), (-1, -2)):
            mine = sorted((way for pair, way in ways.items() if pair[end] == box), key=lambda way: way[toward])
            for number, way in enumerate(mine):
                way[end] += box.width * ((number + 0.5) / len(mine) - 0.5)
    return ways
