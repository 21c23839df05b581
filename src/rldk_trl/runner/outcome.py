"""From what was seen in a cell, and what was declared, to its status. Pure functions.

``fail``: something ran and failed, or failed otherwise than declared. ``error``: nothing was measured (no
lock, no environment, no test passed, pytest broke). A TRL whose PPO cannot be imported fails in the phase import.
"""

from __future__ import annotations

import signal
from dataclasses import dataclass
from typing import Literal

from rldk_trl.matrix.schema import LATE_PHASES, Expectation, Phase
from rldk_trl.runner.junit import Failure, JUnitReport

Status = Literal["pass", "fail", "xfail", "xpass", "no-ppo", "error", "timeout"]
# Each declaration's own status; any other status fails the session.
DECLARED: dict[str, Status] = {"pass": "pass", "no-ppo": "no-ppo", "xfail": "xfail"}

_IMPORT_ERRORS = ("ImportError", "ModuleNotFoundError")
_LONGEST_REASON = 400
_TESTS_FAILED, _INTERRUPTED, _NO_TESTS = 1, 2, 5


@dataclass(frozen=True)
class Observed:
    """How a cell ended.

    ``phase`` is the one it ended in; ``problem`` says why it did not get through that phase, if so; in the phase
    import as ``Class: message``.
    ``exit_code`` and ``report`` are pytest's, where it ran, and ``last_lines`` the end of its output.
    """

    phase: Phase
    problem: str | None = None
    timed_out: bool = False
    exit_code: int | None = None
    report: JUnitReport | None = None
    last_lines: str = ""


@dataclass(frozen=True)
class Verdict:
    """A cell's status, the phase that decided it (None: got through) and the reason (None: a plain pass)."""

    status: Status
    phase: Phase | None = None
    reason: str | None = None


def classify(expected: Expectation, seen: Observed) -> Verdict:
    """The status of a cell."""
    verdict = _judge(seen)
    if verdict.status == "timeout" or expected.status == "pass":
        return verdict
    if expected.status == "no-ppo":
        return Verdict("no-ppo", None, expected.reason) if verdict.status == "pass" else verdict
    declared = _declared(expected)
    if verdict.status == "pass":
        return Verdict("xpass", None, f"passed, but {declared}: take the declaration out of matrix.toml")
    if verdict.status == "error" and verdict.phase in LATE_PHASES:
        return verdict
    if verdict.phase == expected.phase and _matches(expected, seen):
        return Verdict("xfail", verdict.phase, expected.reason)
    return Verdict("fail", verdict.phase, one_line(f"{otherwise_than(expected)}{verdict.reason}"))


def otherwise_than(expected: Expectation) -> str:
    """How the reason begins of a cell that failed otherwise than declared; then comes what was seen."""
    return f"{_declared(expected)}, but: "


def _declared(expected: Expectation) -> str:
    return f"declared to fail in phase {expected.phase} with {expected.exception}"


def one_line(text: str) -> str:
    """The text on one line of bearable length."""
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST_REASON else text[: _LONGEST_REASON - 3] + "..."


def _matches(expected: Expectation, seen: Observed) -> bool:
    if seen.phase == "import":
        return str(seen.problem).partition(":")[0] == expected.exception
    if seen.report is None:
        return " ".join(str(expected.exception).split()) in " ".join(str(seen.problem).split())
    return {failure.exception for failure in seen.report.failures} == {expected.exception}


def _judge(seen: Observed) -> Verdict:
    """What was seen, without regard to what was declared: pass, fail, error or timeout."""
    if seen.timed_out:
        return Verdict("timeout", seen.phase, one_line(seen.problem or "the time limit was reached"))
    if seen.problem is not None:
        # A TRL that is installed and cannot be imported has been measured.
        return Verdict("fail" if seen.phase == "import" else "error", seen.phase, one_line(seen.problem))
    if seen.phase != "test":
        return Verdict("pass")  # that phase was all there was to do, and it went through
    broken = _broken(seen.exit_code, seen.report)
    if broken is not None or seen.report is None:
        said = f"; its last lines: {' '.join(seen.last_lines.split())}" if seen.last_lines.strip() else ""
        return Verdict("error", "test", one_line(f"{broken}{said}"))
    return _judge_report(seen.report)


def _broken(code: int | None, report: JUnitReport | None) -> str | None:
    """Why pytest's end and report say nothing about the tests, or None where they do."""
    if code is not None and code < 0:
        return f"pytest was ended by signal {_signal_name(-code)}"
    if code == _NO_TESTS:
        return "pytest ran no test"
    if report is None or code not in (0, _TESTS_FAILED, _INTERRUPTED):
        return f"pytest ended with exit code {code} and no usable report"
    if (code == 0) == bool(report.failures):
        return f"pytest ended with exit code {code}, but reports {len(report.failures)} failed"
    return None


def _judge_report(report: JUnitReport) -> Verdict:
    failures, counts = report.failures, report.counts
    if failures:
        phase: Phase = "import" if all(_is_import(failure) for failure in failures) else "test"
        more = f" (and {len(failures) - 1} more)" if len(failures) > 1 else ""
        return Verdict("fail", phase, one_line(f"{failures[0].test}: {failures[0].message}") + more)
    if counts.passed == 0:
        ended = f"{counts.skipped} skipped, {counts.xfailed} failed as marked"
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
