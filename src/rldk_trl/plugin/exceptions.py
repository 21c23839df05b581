"""In a cell of the matrix: the class of a failed test's exception, for whoever reads pytest's JUnit XML."""

from __future__ import annotations

import os

import pytest

from rldk_trl.cell_protocol import EXCEPTION, EXCEPTIONS_VARIABLE


def name_in_test(item: pytest.Item, report: pytest.TestReport, error: BaseException) -> None:
    """Add the property: of chained exceptions the one that came out, of a group the group."""
    if EXCEPTIONS_VARIABLE in os.environ:
        # Pytest writes what is in the report of the teardown, and where call and teardown failed, of both.
        for properties in (item.user_properties, report.user_properties):
            properties.append((EXCEPTION, type(error).__name__))


def name_in_collection(report: pytest.CollectReport, error: BaseException) -> None:
    """Add the line to the text, all of the report that JUnit XML shows."""
    if EXCEPTIONS_VARIABLE in os.environ:
        # Pytest wraps what the import of a test module raises.
        cause = error.__cause__ if isinstance(error, pytest.Collector.CollectError) else None
        raised = error if cause is None else cause
        said = " ".join(f"{type(raised).__name__}: {raised}".split())
        report.longrepr = f"{report.longrepr}\n{EXCEPTION}: {said}"
