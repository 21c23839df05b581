"""The command line ``python -m rldk_maintenance``. It runs in a source checkout."""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rldk_maintenance.architecture.pages import make
from rldk_maintenance.errors import MaintenanceError
from rldk_maintenance.locking import make_lock
from rldk_maintenance.nightly import decide, read_issue, read_run
from rldk_maintenance.peer.command import add_command as add_peer
from rldk_maintenance.tables.command import add_command as add_tables
from rldk_trl.cli import run_command
from rldk_trl.files import write_whole
from rldk_trl.matrix.cells import all_cells, find_cell
from rldk_trl.matrix.loader import checkout_root, load_matrix
from rldk_trl.runner.uv_tool import find_uv, uv_environment


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status: 0, or 2 after one line on standard error."""
    return run_command(
        "rldk_maintenance", "Commands for maintainers of rldk-trl.", [_add_commands, add_tables, add_peer], argv
    )


def _add_commands(commands: Any) -> None:
    lock = commands.add_parser("lock", help="resolve cells again from the index and write their locks")
    lock.add_argument("cells", nargs="*", metavar="CELL", help="e.g. 0.23.0, 0.23.0-zero2 (default: all)")
    lock.set_defaults(run=_lock)

    update = commands.add_parser("update", help="add rows, locks and results of new releases, with nox")
    update.add_argument("--no-run", action="store_true", help="add only rows and locks; the rows stay pending")
    update.add_argument("--jobs", default="1", metavar="N", help="cells at a time (default: %(default)s)")
    update.set_defaults(run=_update)

    nightly = commands.add_parser("nightly", help="print as JSON what to do about the issue for TRL's main branch")
    nightly.add_argument("--junit", type=Path, required=True, help="the JUnit XML of the run")
    nightly.add_argument("--exit-code", type=int, required=True, help="pytest's exit code")
    nightly.add_argument("--issue", type=Path, help="the open issue as `gh issue view --json body,comments` prints it")
    nightly.add_argument("--link", default="", help="the address of the run")
    nightly.set_defaults(run=_nightly)

    contract = commands.add_parser("contract", help="read all TRL wheels; write the data and the pages made from it")
    contract.add_argument("--docs", action="store_true", help="only write the pages from the data; works offline")
    contract.add_argument("--offline", action="store_true", help="use only what is in .matrix/cache")
    contract.set_defaults(run=_contract)

    architecture = commands.add_parser("architecture", help="draw the picture on docs/architecture.md from imports")
    architecture.set_defaults(run=_architecture)


def _lock(options: argparse.Namespace) -> None:
    _require_checkout("lock")
    matrix = load_matrix()
    cells = all_cells(matrix)
    first = {cell.lock_name: cell for cell in reversed(cells)}  # several cells may have one lock
    names = [name if name in first else find_cell(matrix, name).lock_name for name in options.cells]
    uv, environment = find_uv(), uv_environment()
    for cell in [first[name] for name in dict.fromkeys(names or [cell.lock_name for cell in cells])]:
        if cell.expectation.phase == "resolve":
            print(f"{cell.id}: declared as not resolvable, so it has no lock")
            continue
        print(f"{cell.id}: {make_lock(cell, uv, environment).name}", flush=True)


def _update(options: argparse.Namespace) -> None:
    _require_checkout("update")
    # Its libraries are for maintenance alone; the other commands run without them.
    try:
        from rldk_maintenance.updating.update import PackageIndex, update_matrix
    except ModuleNotFoundError as error:
        raise MaintenanceError(f"update: needs {error.name}; run `nox -s matrix_update`, which installs it") from None
    update_matrix(checkout_root(), PackageIndex(), None if options.no_run else options.jobs)


def _nightly(options: argparse.Namespace) -> None:
    action = decide(read_run(options.junit, options.exit_code), read_issue(options.issue), options.link)
    print(json.dumps(dataclasses.asdict(action), indent=2))


def _contract(options: argparse.Namespace) -> None:
    from rldk_maintenance.contract.session import write_contract, write_made

    for path in write_made() if options.docs else write_contract(offline=options.offline):
        print(path.relative_to(checkout_root()))


def _architecture(options: argparse.Namespace) -> None:
    _require_checkout("architecture")
    for path, text in make(checkout_root()).items():
        write_whole(path, text)
        print(path.relative_to(checkout_root()))


def _require_checkout(command: str) -> None:
    if not (checkout_root() / "matrix.toml").is_file():
        raise MaintenanceError(f"{command}: not in a source checkout of rldk-trl; run it in one")
