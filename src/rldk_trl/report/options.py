"""The options of a report, for the command line and for the nox session."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from rldk_trl.errors import CommandError


def add_report_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--compare OTHER`` to a parser."""
    parser.add_argument(
        "--compare",
        type=Path,
        metavar="OTHER",
        help="show what changed since another run: a folder with its results, or its report.json",
    )


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise CommandError(f"trl_report: {message}; use only --compare OTHER")


def report_options(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options after ``--``.

    Raises:
        CommandError: there are other arguments.
    """
    parser = _Parser(prog="nox -s trl_report --", add_help=False)
    add_report_options(parser)
    return parser.parse_args(arguments)
