"""The command line ``python -m rldk_trl``: its parser, and the commands that have no module of their own."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rldk_trl.changes import add_command as add_changes
from rldk_trl.explain import add_command as add_explain
from rldk_trl.matrix.cells import Cell, all_cells, find_cell
from rldk_trl.matrix.loader import checkout_root, load_matrix
from rldk_trl.matrix.locking import read_lock, resolve, write_lock
from rldk_trl.matrix.schema import PERIOD, MatrixError
from rldk_trl.matrix.uv_tool import find_uv, uv_environment
from rldk_trl.report.commands import add_commands
from rldk_trl.tables.command import add_command as add_tables


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit status: 0, the command's own, or 2 after one line on standard error."""
    options = _parser().parse_args(argv)
    try:
        return int(options.run(options) or 0)
    except MatrixError as error:
        print(f"rldk_trl: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        sys.stderr.close()  # the reader, e.g. `head`, has gone: nobody is left to tell
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m rldk_trl", description="TRL releases and their PPO.")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    check = commands.add_parser("check", help="what PPO the installed TRL, or any release, offers")
    check.add_argument("version", nargs="?", help="a TRL version (default: the installed one)")
    check.add_argument("--json", action="store_true", help="print the answer as JSON")
    check.set_defaults(run=_check)

    add_explain(commands)
    add_changes(commands)

    releases = commands.add_parser("releases", help="the releases of the matrix")
    releases.set_defaults(run=_releases)

    constraints = commands.add_parser("constraints", help="print a release's pins, for `pip install -c`")
    constraints.add_argument("version", help="a TRL version of the matrix")
    constraints.add_argument("--lane", default=PERIOD, help="which dependencies (default: %(default)s)")
    constraints.set_defaults(run=_constraints)

    lock = commands.add_parser("lock", help="resolve cells anew (asks the index; in a checkout)")
    lock.add_argument("cells", nargs="*", metavar="CELL", help="e.g. 0.23.0 (default: all)")
    lock.set_defaults(run=_lock)

    update = commands.add_parser(
        "update", help="add rows, locks and results of new releases (in a checkout, with nox)"
    )
    update.add_argument("--no-run", action="store_true", help="only rows and locks; they stay pending")
    update.add_argument("--jobs", default="1", metavar="N", help="cells at a time (default: %(default)s)")
    update.set_defaults(run=_update)

    nightly = commands.add_parser("nightly", help="what to do about the issue on TRL's main branch, as JSON")
    nightly.add_argument("--junit", type=Path, required=True, help="the JUnit XML of the run")
    nightly.add_argument("--exit-code", type=int, required=True, help="pytest's exit code")
    nightly.add_argument("--issue", type=Path, help="the open issue as `gh issue view --json body,comments` gives it")
    nightly.add_argument("--link", default="", help="where the run can be looked at")
    nightly.set_defaults(run=_nightly)

    add_commands(commands)
    add_tables(commands)

    contract = commands.add_parser("contract", help="read all TRL wheels; write data and docs (in a checkout)")
    contract.add_argument("--docs", action="store_true", help="only make the docs anew from the data; asks nobody")
    contract.add_argument("--offline", action="store_true", help="use what is in .matrix/cache only")
    contract.set_defaults(run=_contract)
    return parser


def _check(options: argparse.Namespace) -> None:
    from rldk.integrations.trl import check_trl_compatibility

    answer = check_trl_compatibility(options.version)
    print(json.dumps(answer, indent=2) if options.json else "\n".join(_check_lines(answer)))


def _check_lines(answer: Mapping[str, Any]) -> list[str]:
    ppo = f"{answer['ppo_api']} API, from {answer['ppo_module']}" if answer["ppo_available"] else "none"
    lines = [
        f"TRL:    {answer['version'] or 'not known'}{'' if answer['trl_available'] else ' (not installed)'}",
        f"PPO:    {ppo}",
        f"tested: {'yes, a row of the matrix passed' if answer['tested'] else 'no'}",
    ]
    lines += [f"warning: {text}" for text in answer["warnings"]]
    return lines + [f"recommendation: {text}" for text in answer["recommendations"]]


def _releases(_options: argparse.Namespace) -> None:
    matrix = load_matrix()
    rows = [("TRL", "date", "API", *(lane.name for lane in matrix.lanes))]
    for release in matrix.releases:
        expected = (release.expected(lane.name).status for lane in matrix.lanes)
        rows.append((release.version, release.date.isoformat(), release.api, *expected))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())


def _constraints(options: argparse.Namespace) -> None:
    name = options.version if options.lane == PERIOD else f"{options.version}-{options.lane}"
    print(read_lock(find_cell(load_matrix(), name)), end="")


def _require_checkout(command: str) -> None:
    if not (checkout_root() / "matrix.toml").is_file():
        raise MatrixError(f"{command}: runs in a source checkout of rldk-trl only; use `constraints` to read a lock")


def _lock(options: argparse.Namespace) -> None:
    _require_checkout("lock")
    matrix = load_matrix()
    cells: list[Cell] = [find_cell(matrix, name) for name in options.cells] or all_cells(matrix)
    uv, environment = find_uv(), uv_environment()
    for cell in cells:
        if cell.expectation.phase == "resolve":
            print(f"{cell.id}: declared not to resolve, has no lock")
            continue
        print(f"{cell.id}: {write_lock(cell, resolve(cell, uv, environment)).name}", flush=True)


def _update(options: argparse.Namespace) -> None:
    from rldk_trl.matrix.update import PackageIndex, update_matrix

    _require_checkout("update")
    update_matrix(checkout_root(), PackageIndex(), None if options.no_run else options.jobs)


def _nightly(options: argparse.Namespace) -> None:
    from rldk_trl.nightly import decide, read_issue, read_run

    action = decide(read_run(options.junit, options.exit_code), read_issue(options.issue), options.link)
    print(json.dumps(dataclasses.asdict(action), indent=2))


def _contract(options: argparse.Namespace) -> None:
    from rldk_trl.contract.session import write_contract, write_made

    for path in write_made() if options.docs else write_contract(offline=options.offline):
        print(path.relative_to(checkout_root()))
