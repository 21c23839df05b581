"""Decide whether to run a cell, from the options after ``--`` and the result of its last run."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

from rldk_trl.errors import RunError
from rldk_trl.matrix.schema import Expect
from rldk_trl.runner.outcome import DECLARED
from rldk_trl.runner.results import CellResult


@dataclass(frozen=True)
class Asked:
    """Our own options after ``--``. ``args`` is the rest, which goes to pytest."""

    fresh: bool = False
    only_failed: bool = False
    since: str | None = None
    args: tuple[str, ...] = ()


@dataclass(frozen=True)
class Choice:
    """Whether to run a cell, and why or why not."""

    run: bool
    why: str


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:  # type: ignore[override]  # argparse's own ends the process
        raise RunError(f"after --: {message}; see `nox -l` and docs/matrix.md")


def read_options(posargs: Sequence[str]) -> Asked:
    """Separate our options from pytest's in the arguments after ``--``.

    Raises:
        RunError: one of our options has no value, or two contradict each other.
    """
    parser = _Parser(add_help=False, allow_abbrev=False)
    parser.add_argument("--fresh", action="store_true")
    parser.add_argument("--only-failed", action="store_true")
    parser.add_argument("--since", metavar="REV")
    found, rest = parser.parse_known_args(list(posargs))
    if found.fresh and (found.only_failed or found.since):
        raise RunError("after --: --fresh runs every cell, --only-failed and --since choose some; use one of them")
    return Asked(found.fresh, found.only_failed, found.since, tuple(rest))


def choose(
    asked: Asked, expected: Expect, previous: CellResult | None, digest: str, touched: bool | None = None
) -> Choice:
    """Decide on one cell.

    Args:
        asked: the options.
        expected: the status that its row declares.
        previous: its last result, or None.
        digest: digest of its current inputs.
        touched: with ``--since``, whether one of its inputs has changed.
    """
    if asked.fresh:
        return Choice(True, "--fresh")
    declared = previous is not None and previous.status == DECLARED[expected]
    if asked.only_failed and (previous is None or declared):
        return Choice(False, "has not run" if previous is None else f"was {previous.status}, as declared")
    if asked.since is not None and not touched:
        return Choice(False, f"none of its inputs has changed since {asked.since}")
    if previous is None:
        return Choice(True, "has no result")
    if asked.args or previous.args:
        why = "options for pytest may run only a part of the cell"
    elif not declared:
        why = f"was {previous.status}"
    elif previous.digest != digest:
        why = "its inputs have changed"
    else:
        when = f" on {previous.finished[:10]}" if previous.finished else ""
        return Choice(False, f"{previous.status}{when}, inputs unchanged")
    return Choice(True, why)
