"""``python -m rldk_maintenance tables``: the data file from the cells' results, and what is made from it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from rldk_maintenance.errors import MaintenanceError
from rldk_maintenance.tables import defaults, failures_page, measured_page
from rldk_maintenance.tables.collect import combine, disagreements, read_notes
from rldk_maintenance.tables.data import DATA_FILE, Measured, load, write
from rldk_trl.files import write_whole
from rldk_trl.matrix.cells import all_cells, cells_in_worlds
from rldk_trl.matrix.loader import checkout_root, load_matrix
from rldk_trl.matrix.schema import SINGLE

_MADE = {
    "docs/failures.md": failures_page.render,
    "docs/measured.md": measured_page.render,
    "src/rldk/integrations/trl/config/defaults.json": defaults.render,
}


def add_command(commands: Any) -> None:
    """Add the command to those of ``python -m rldk_maintenance``."""
    tables = commands.add_parser(
        "tables", help="write docs/failures.md, measured.md and defaults.json from the results"
    )
    tables.add_argument("--partial", action="store_true", help="use the results that exist")
    what = tables.add_mutually_exclusive_group()
    what.add_argument("--docs", action="store_true", help="only write these from the data; does not read results")
    what.add_argument("--check", action="store_true", help="write nothing; fail if a file does not match the data")
    tables.set_defaults(run=_tables)


def made(measured: Measured) -> dict[str, str]:
    """Return the text of each file that is made from the data, by its path in the checkout."""
    return {name: render(measured) for name, render in _MADE.items()}


def _tables(options: argparse.Namespace) -> None:
    root = checkout_root()
    if not (root / "matrix.toml").is_file():
        raise MaintenanceError("tables: not in a source checkout of rldk-trl; run it in one")
    if not (options.docs or options.check):
        write(_measure(root, partial=options.partial), DATA_FILE)
        print(DATA_FILE.relative_to(root))
    measured = load(DATA_FILE)  # read back, because everything else is made from the file alone
    for name, text in made(measured).items():
        path = root / name
        if not options.check:
            write_whole(path, text)
        elif not path.is_file() or path.read_text(encoding="utf-8") != text:
            raise MaintenanceError(
                f"tables: {name} does not match the data; run `python -m rldk_maintenance tables --docs`"
            )
        print(path.relative_to(root))


def _measure(root: Path, *, partial: bool) -> Measured:
    cells = cells_in_worlds(all_cells(load_matrix()), [SINGLE])
    noted = read_notes(root, cells, partial=partial)
    odd = disagreements(noted)
    if odd:
        more = f" (and {len(odd) - 1} more)" if len(odd) > 1 else ""
        raise MaintenanceError(f"tables: {odd[0]}{more}; fix the catalogue or the test, and run the cell again")
    return combine(cells, noted)
