"""Hooks: wiring between pytest and the marker decisions, options, header and advice."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

from rldk_trl.cell_protocol import IMPORT_FAILED
from rldk_trl.plugin.advice import TITLE, add_notes, advise, summary
from rldk_trl.plugin.exceptions import name_in_collection, name_in_test
from rldk_trl.plugin.import_check import asked_for, import_failure
from rldk_trl.plugin.marks import HELP, Decision, decide
from rldk_trl.plugin.options import SETTINGS, add_options, read_settings
from rldk_trl.plugin.release import header
from rldk_trl.plugin.skips import made_here

_DECISION = pytest.StashKey[Decision]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the group ``rldk-trl`` and its ini twins."""
    add_options(parser)


@pytest.hookimpl(hookwrapper=True)
def pytest_load_initial_conftests() -> Generator[None, Any, None]:
    """Say what is known of an error in a conftest, which ends the run before there is a report."""
    outcome = yield
    if outcome.excinfo is not None:
        add_notes(outcome.excinfo[1])


def pytest_configure(config: pytest.Config) -> None:
    """Check the options and register the markers."""
    config.stash[SETTINGS] = read_settings(config)
    for line in HELP:
        config.addinivalue_line("markers", line)


def pytest_report_header(config: pytest.Config) -> str:
    """One line: TRL, its PPO, transformers, torch."""
    return header(config.stash[SETTINGS].installed)


def pytest_sessionstart() -> None:
    """In a cell of the matrix, end the run where TRL's PPO cannot be imported: its tests would only skip."""
    if asked_for():
        failure = import_failure()
        if failure is not None:
            pytest.exit(failure, returncode=IMPORT_FAILED)


@pytest.hookimpl(trylast=True)  # after hooks that add marks
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Turn marks into pytest's own skip and xfail; a bad one waits for the test's setup."""
    settings = config.stash[SETTINGS]
    for item in items:
        decision = decide(item.iter_markers(), settings.installed)
        item.stash[_DECISION] = decision
        if decision.skip is not None:
            item.add_marker(pytest.mark.skip(reason=decision.skip))
        elif decision.xfail is not None:
            xfail = decision.xfail
            item.add_marker(pytest.mark.xfail(reason=xfail.reason, raises=xfail.raises, strict=xfail.strict))


@pytest.hookimpl(tryfirst=True)  # before pytest's own skips and xfails, which would hide it
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Fail a test that has a bad marker; an error at collection would be lost under xdist."""
    decision = item.stash.get(_DECISION, None)
    if decision is not None and decision.bad is not None:
        pytest.fail(decision.bad, pytrace=False)


@pytest.hookimpl(hookwrapper=True, tryfirst=True)  # outermost, so that an xfail cannot excuse it
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, None]:
    """Note what is known of a failure; with ``--trl-strict``, turn a skip that this plugin made into one."""
    outcome = yield
    report: pytest.TestReport = outcome.get_result()
    if report.failed and call.excinfo:
        advise(report, call.excinfo.value)
        name_in_test(item, report, call.excinfo.value)
    if not (report.skipped and call.excinfo and item.config.stash[SETTINGS].strict):
        return
    decision = item.stash.get(_DECISION, None)
    reason = made_here(call.excinfo.value, None if decision is None else decision.skip)
    if reason is not None:
        try:
            pytest.fail(f"--trl-strict: {reason}", pytrace=False)
        except pytest.fail.Exception as failed:
            report.longrepr = item.repr_failure(pytest.ExceptionInfo.from_current())
            name_in_test(item, report, failed)
        report.outcome = "failed"


@pytest.hookimpl(hookwrapper=True)
def pytest_make_collect_report() -> Generator[None, Any, None]:
    """Note what is known of an error at collection, such as a test file's import of what TRL has dropped."""
    outcome = yield
    report: pytest.CollectReport = outcome.get_result()
    call = getattr(report, "call", None)  # pytest takes it away after this hook
    if report.failed and call is not None and call.excinfo:
        advise(report, call.excinfo.value)
        name_in_collection(report, call.excinfo.value)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which failures are known, and what to do."""
    lines = summary(terminalreporter.stats)
    if lines:
        terminalreporter.section(TITLE)
        for line in lines:
            terminalreporter.line(line)
