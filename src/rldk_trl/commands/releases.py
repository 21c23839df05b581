"""``python -m rldk_trl releases`` and ``constraints``: show the releases of the matrix and their locks."""

from __future__ import annotations

import argparse
from typing import Any

from rldk_trl.errors import CommandError
from rldk_trl.matrix.cells import find_cell
from rldk_trl.matrix.loader import load_matrix
from rldk_trl.matrix.locks import read_lock
from rldk_trl.matrix.schema import PERIOD, SINGLE


def add_commands(commands: Any) -> None:
    """Add the commands to those of ``python -m rldk_trl``."""
    releases = commands.add_parser("releases", help="list the releases of the matrix")
    releases.set_defaults(run=_releases)

    constraints = commands.add_parser("constraints", help="print a release's pins, for `pip install -c`")
    constraints.add_argument("version", help="a TRL version of the matrix")
    constraints.add_argument("--lane", default=PERIOD, help="the lane of dependencies (default: %(default)s)")
    constraints.add_argument("--world", default=SINGLE, help="in lane period, a world (default: %(default)s)")
    constraints.set_defaults(run=_constraints)


def _releases(_options: argparse.Namespace) -> None:
    matrix = load_matrix()
    worlds = [world.name for world in matrix.worlds if world.name != SINGLE]
    rows = [("TRL", "date", "API", *(lane.name for lane in matrix.lanes), *worlds)]
    for release in matrix.releases:
        expected = (release.expected(lane.name).status for lane in matrix.lanes)
        there = (release.worlds[world].status if world in release.worlds else "-" for world in worlds)
        rows.append((release.version, release.date.isoformat(), release.api, *expected, *there))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())


def _constraints(options: argparse.Namespace) -> None:
    column = options.lane if options.world == SINGLE else options.world
    if PERIOD != options.lane != column:
        raise CommandError(f"constraints: --world {column} is in lane {PERIOD}; leave --lane out")
    name = options.version if column == PERIOD else f"{options.version}-{column}"
    print(read_lock(find_cell(load_matrix(), name)), end="")
