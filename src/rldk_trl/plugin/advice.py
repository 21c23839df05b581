"""Show advice for tests that failed with a failure in the catalogue.

The failure is looked up where the test runs. A worker of pytest-xdist sends only reports, so the report carries the
lines to show.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from rldk.integrations.trl.advice.catalogue.failure import Failure

TITLE = "rldk-trl: known TRL failures"
_LINES = "rldk_trl_failures"
_TRL_WORDS = re.compile(r"\btrl\b|PPO|WithValueHead|PolicyAndValueWrapper")

Report = pytest.TestReport | pytest.CollectReport


def advise(report: Report, error: BaseException | None) -> None:
    """Add what is known about the error to the report of a failed test or collection, also below the traceback."""
    if error is None or not report.failed:
        return
    entries = known_failures(error)
    if entries:
        report.__dict__[_LINES] = {
            entry.id: [f"{entry.id}: {entry.cause}", f"  do:  {entry.advice}", f"  see: {entry.link}"]
            for entry in entries
        }
        report.sections.append((TITLE, "\n".join(map(_advice, entries))))


def add_notes(error: BaseException) -> None:
    """Add the advice to an error that stops pytest before any report, so that pytest prints the advice too."""
    # If a conftest fails, its error is the cause of pytest's own error, and pytest prints only the cause.
    shown = error if error.__cause__ is None else error.__cause__
    for entry in known_failures(error):
        shown.add_note(f"{TITLE}: {_advice(entry)}")


def known_failures(error: BaseException) -> list[Failure]:
    """Return the entries that match the error or its causes and happen on the installed release."""
    chain = list(_chain(error))
    text = "\n".join("".join(traceback.format_exception_only(one)) for one in chain)
    # Any code can raise a message such as "no attribute 'score'". It counts only if it names TRL or passed through it.
    if not _TRL_WORDS.search(text):
        if not any(map(_passed_through_trl, chain)):
            return []
        text += "\nin trl"
    from rldk.integrations.trl.advice.failures import explain_failure
    from rldk.integrations.trl.releases.installed import installed_version

    found = explain_failure(text, installed_version("trl"))
    return [entry for entry in found if entry.happens_on() and not entry.possible]


def summary(stats: Mapping[str, Sequence[object]]) -> list[str]:
    """Return the lines of the section at the end of a run: each entry with its advice and its tests.

    Args:
        stats: pytest's reports by category.

    Returns:
        The lines; empty if no test failed with a known failure.
    """
    tests: dict[str, list[str]] = {}
    said: dict[str, list[str]] = {}
    for report in (*stats.get("failed", ()), *stats.get("error", ())):
        for failure, lines in getattr(report, _LINES, {}).items():
            said.setdefault(failure, lines)
            names = tests.setdefault(failure, [])
            name = str(getattr(report, "nodeid", "")) or "collection"
            if name not in names:
                names.append(name)
    if not said:
        return []
    from rldk.integrations.trl.advice.failures import failures

    order = {entry.id: number for number, entry in enumerate(failures())}
    names = sorted(said, key=lambda name: order.get(name, len(order)))  # workers of pytest-xdist finish in any order
    return [line for name in names for line in (*said[name], *(f"  - {test}" for test in tests[name]))]


def _advice(entry: Failure) -> str:
    return f"{entry.id}: {entry.advice}"


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield the error, its causes and contexts, and the members of exception groups, each once."""
    waiting, seen = [error], set()
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        members: Iterable[BaseException] = one.exceptions if isinstance(one, BaseExceptionGroup) else ()
        context = None if one.__suppress_context__ else one.__context__
        waiting += [other for other in (one.__cause__, context, *members) if other is not None]


def _passed_through_trl(error: BaseException) -> bool:
    frames = traceback.walk_tb(error.__traceback__)
    return any(str(frame.f_globals.get("__name__", "")).partition(".")[0] == "trl" for frame, _ in frames)
