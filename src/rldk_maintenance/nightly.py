"""Decide what to do about the one issue for TRL's main branch after a nightly run.

A failure has a signature: its test, its exception and its message without what differs from run to run. The issue's
texts contain the reported signatures as hidden comments. Only a new signature leads to another comment.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rldk_maintenance.errors import MaintenanceError
from rldk_trl.matrix.schema import Expectation
from rldk_trl.runner.junit import Failure, JUnitError, read_junit
from rldk_trl.runner.outcome import Observed, classify, one_line

TITLE = "TRL's main branch fails the fix utilities' tests"
_MARK = "<!-- signature: {} -->"
_MARKED = re.compile(r"<!-- signature: ([0-9a-f]{16}) -->")
# What differs from run to run: addresses, paths, versions and other numbers.
_CHANGING = re.compile(r"0x[0-9a-fA-F]+|(?:/[\w.+-]+){2,}|\d+(?:\.\w+)*")


@dataclass(frozen=True)
class Action:
    """What to do about the issue. ``title`` is for a new issue only; ``body`` may be empty."""

    action: Literal["open", "comment", "close", "none"]
    title: str = ""
    body: str = ""


def signature(failure: Failure) -> str:
    """Return 16 hexadecimal digits, the same for the same failure in another run."""
    message = _CHANGING.sub("#", " ".join(failure.message.split()))
    return hashlib.sha256(f"{failure.test}\n{failure.exception}\n{message}".encode()).hexdigest()[:16]


def read_run(junit: Path, exit_code: int) -> list[Failure]:
    """Return the failures of a run. A run that measured nothing counts as one failure."""
    try:
        report = read_junit(junit)
    except JUnitError:
        report = None
    verdict = classify(Expectation(), Observed("test", exit_code=exit_code, report=report))
    if verdict.status == "pass":
        return []
    if verdict.status == "fail" and report is not None:
        return list(report.failures)
    return [Failure("the run", "nothing measured", str(verdict.reason))]


def read_issue(path: Path | None) -> str | None:
    """Return all texts of the open issue, or None if no issue is open.

    Raises:
        MaintenanceError: the file is not what ``gh issue view --json body,comments`` writes.
    """
    if path is None:
        return None
    try:
        issue = json.loads(path.read_text(encoding="utf-8"))
        return "\n".join([issue["body"], *(comment["body"] for comment in issue["comments"])])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise MaintenanceError(
            f"nightly: {path.name}: not an issue ({type(error).__name__}: {error});"
            " write it with `gh issue view --json body,comments`"
        ) from None


def decide(failures: Sequence[Failure], issue: str | None, link: str = "") -> Action:
    """Return what to do about the issue after a run.

    Args:
        failures: the failures of the run.
        issue: all texts of the open issue; None if no issue is open.
        link: the address of the run.
    """
    where = f"\n\nRun: {link}" if link else ""
    if not failures:
        return Action("none") if issue is None else Action("close", body=f"The run passes again.{where}")
    told = set(_MARKED.findall(issue or ""))
    new = {signature(failure): failure for failure in failures if signature(failure) not in told}
    if not new:
        return Action("none")
    lines = [f"- `{failure.test}`: {_plain(failure)} {_MARK.format(mark)}" for mark, failure in new.items()]
    body = f"{len(new)} new of {len(failures)} failures:\n\n" + "\n".join(lines) + where
    return Action("open", TITLE, body) if issue is None else Action("comment", body=body)


def _plain(failure: Failure) -> str:
    # A code span notifies nobody and contains no links; a backtick would end it.
    return "`" + one_line(f"{failure.exception}: {failure.message}").replace("`", "'") + "`"
