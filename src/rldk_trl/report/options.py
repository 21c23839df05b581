"""The options of a report, for the command line and for the nox session alike."""

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
        help="say what changed since another run: a folder with results, or its report.json",
    )


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise CommandError(f"trl_report: {message}; after -- goes --compare OTHER")


def report_options(arguments: Sequence[str]) -> argparse.Namespace:
    """The options in what followed ``--``.

    Raises:
        CommandError: there is something else.
    """
    parser = _Parser(prog="nox -s trl_report --", add_help=False)
    add_report_options(parser)
    return parser.parse_args(arguments)
