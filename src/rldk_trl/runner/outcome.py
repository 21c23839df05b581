"""Derive the status of a cell from what was seen and what was declared. Pure functions.

``fail``: something ran and failed, or did not fail as declared. ``error``: nothing was measured (no lock, no
environment, no test passed, pytest broke). If TRL's PPO cannot be imported, the cell fails in the phase import.
"""

from __future__ import annotations

import signal
from dataclasses import dataclass
from typing import Literal

from rldk_trl.matrix.schema import LATE_PHASES, Expectation, Phase
from rldk_trl.runner.junit import Failure, JUnitReport

Status = Literal["pass", "fail", "xfail", "xpass", "no-ppo", "error", "timeout"]
# The status that each declaration expects. Any other status fails the session.
DECLARED: dict[str, Status] = {"pass": "pass", "no-ppo": "no-ppo", "xfail": "xfail"}

_IMPORT_ERRORS = ("ImportError", "ModuleNotFoundError")
_LONGEST_REASON = 400
_TESTS_FAILED, _INTERRUPTED, _NO_TESTS = 1, 2, 5


@dataclass(frozen=True)
class Observed:
    """How a cell ended.

    ``phase``: the phase in which it ended. ``problem``: why it did not get through that phase, or None; in the phase
    import it is ``Class: message``. ``exit_code`` and ``report``: pytest's, if pytest ran. ``last_lines``: the end of
    pytest's output.
    """

    phase: Phase
    problem: str | None = None
    timed_out: bool = False
    exit_code: int | None = None
    report: JUnitReport | None = None
    last_lines: str = ""


@dataclass(frozen=True)
class Verdict:
    """A cell's status, the phase that decided it (None: all phases passed) and the reason (None: a plain pass)."""

    status: Status
    phase: Phase | None = None
    reason: str | None = None


def classify(expected: Expectation, seen: Observed) -> Verdict:
    """Return the status of a cell."""
    verdict = _judge(seen)
    if verdict.status == "timeout" or expected.status == "pass":
        return verdict
    if expected.status == "no-ppo":
        return Verdict("no-ppo", None, expected.reason) if verdict.status == "pass" else verdict
    declared = _declared(expected)
    if verdict.status == "pass":
        return Verdict("xpass", None, f"passed, but {declared}: remove the declaration from matrix.toml")
    if verdict.status == "error" and verdict.phase in LATE_PHASES:
        return verdict
    if verdict.phase == expected.phase and _matches(expected, seen):
        return Verdict("xfail", verdict.phase, expected.reason)
    return Verdict("fail", verdict.phase, one_line(f"{otherwise_than(expected)}{verdict.reason}"))


def otherwise_than(expected: Expectation) -> str:
    """Return the start of the reason for a cell that did not fail as declared. What was seen follows it."""
    return f"{_declared(expected)}, but: "


def _declared(expected: Expectation) -> str:
    return f"declared to fail in phase {expected.phase} with {expected.exception}"


def one_line(text: str) -> str:
    """Return the text on one line, shortened if it is too long."""
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST_REASON else text[: _LONGEST_REASON - 3] + "..."


def _matches(expected: Expectation, seen: Observed) -> bool:
    if seen.phase == "import":
        return str(seen.problem).partition(":")[0] == expected.exception
    if seen.report is None:
        return " ".join(str(expected.exception).split()) in " ".join(str(seen.problem).split())
    return {failure.exception for failure in seen.report.failures} == {expected.exception}


def _judge(seen: Observed) -> Verdict:
    """Return the status for what was seen, whatever was declared: pass, fail, error or timeout."""
    if seen.timed_out:
        return Verdict("timeout", seen.phase, one_line(seen.problem or "the time limit was reached"))
    if seen.problem is not None:
        # That an installed TRL cannot be imported is a measurement.
        return Verdict("fail" if seen.phase == "import" else "error", seen.phase, one_line(seen.problem))
    if seen.phase != "test":
        return Verdict("pass")  # this phase was the only one, and it succeeded
    broken = _broken(seen.exit_code, seen.report)
    if broken is not None or seen.report is None:
        said = f"; its last lines: {' '.join(seen.last_lines.split())}" if seen.last_lines.strip() else ""
        return Verdict("error", "test", one_line(f"{broken}{said}"))
    return _judge_report(seen.report)


def _broken(code: int | None, report: JUnitReport | None) -> str | None:
    """Return why pytest's exit code and report do not show what the tests did, or None if they do."""
    if code is not None and code < 0:
        return f"pytest was ended by signal {_signal_name(-code)}"
    if code == _NO_TESTS:
        return "pytest ran no test"
    if report is None or code not in (0, _TESTS_FAILED, _INTERRUPTED):
        return f"pytest ended with exit code {code} and no usable report"
    if (code == 0) == bool(report.failures):
        return f"pytest ended with exit code {code}, but its report has {len(report.failures)} failed"
    return None


def _judge_report(report: JUnitReport) -> Verdict:
    failures, counts = report.failures, report.counts
    if failures:
        phase: Phase = "import" if all(_is_import(failure) for failure in failures) else "test"
        more = f" (and {len(failures) - 1} more)" if len(failures) > 1 else ""
        return Verdict("fail", phase, one_line(f"{failures[0].test}: {failures[0].message}") + more)
    if counts.passed == 0:
        ended = f"{counts.skipped} skipped, {counts.xfailed} xfailed"
        return Verdict("error", "test", f"no test passed: {ended}")
    return Verdict("pass")


def _is_import(failure: Failure) -> bool:
    # transformers wraps what its lazy modules raise: "RuntimeError: Failed to import ... because of ..."
    return failure.exception in _IMPORT_ERRORS or "Failed to import" in failure.message


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)
