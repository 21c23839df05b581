"""The commands for many cells at once: ``matrix``, ``merge`` and ``report``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from rldk_trl.matrix.cells import all_cells, cells_in_worlds, select_cells
from rldk_trl.matrix.loader import load_matrix
from rldk_trl.matrix.schema import SINGLE
from rldk_trl.report.merge import merge_results
from rldk_trl.report.options import add_report_options
from rldk_trl.report.shards import MOST_JOBS, job_matrix, known_durations, make_shards
from rldk_trl.report.write import FOLDER, write_reports


def add_commands(commands: Any) -> None:
    """Add the commands to those of ``python -m rldk_trl``."""
    matrix = commands.add_parser("matrix", help="split the cells among several machines")
    matrix.add_argument("--shards", type=int, metavar="N", default=1, help=f"number of machines, up to {MOST_JOBS}")
    matrix.add_argument("--releases", metavar="SPECIFIER", help='only these releases, e.g. ">=0.12,<1.13"')
    matrix.add_argument("--tag", action="append", default=[], help="only cells with this tag, e.g. smoke, period")
    matrix.add_argument("--world", action="append", help=f"cells in this world (default: {SINGLE}); repeatable")
    matrix.add_argument("--json", action="store_true", help="print a `strategy.matrix` for GitHub Actions")
    matrix.set_defaults(run=_matrix)

    merge = commands.add_parser("merge", help="merge the results of several machines")
    merge.add_argument("places", nargs="+", type=Path, metavar="DIR", help="a folder .matrix or .matrix/results")
    merge.add_argument("--into", type=Path, default=FOLDER, metavar="DIR", help="the target (default: %(default)s)")
    merge.add_argument("--newer", action="store_true", help="if a cell has two results, use the later one")
    merge.set_defaults(run=_merge)

    report = commands.add_parser("report", help="write .matrix/report.{json,md,html} from the results in this folder")
    add_report_options(report)
    report.set_defaults(run=_report)


def _matrix(options: argparse.Namespace) -> None:
    cells = cells_in_worlds(all_cells(load_matrix()), options.world or [SINGLE])
    cells = select_cells(cells, releases=options.releases, tags=options.tag)
    shards = make_shards(cells, options.shards, known_durations(Path.cwd(), cells))
    if options.json:
        print(json.dumps(job_matrix(shards)))
        return
    for shard in shards:
        print(f"{shard.number}: {' '.join(shard.cells)} (about {shard.seconds:.0f} s)")


def _merge(options: argparse.Namespace) -> None:
    merged = merge_results(options.places, options.into, newer=options.newer)
    print(f"{options.into}: results of {len(merged.cells)} cells")
    for cell in merged.stopped:
        print(f"{cell}: stopped, with a log but no result; run it again")


def _report(options: argparse.Namespace) -> None:
    matrix = load_matrix()
    paths = write_reports(Path.cwd(), all_cells(matrix), listed=matrix.listed, compare=options.compare)
    for path in paths:
        print(path.relative_to(Path.cwd()))
