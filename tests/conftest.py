"""What the tests of all folders share: the plugins, and what a cell of the matrix runs."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from typing import Any

import pytest
from packaging.version import Version

from rldk_trl.matrix.cells import find_cell
from rldk_trl.matrix.loader import load_matrix
from rldk_trl.matrix.schema import Release

# In a conftest that is loaded at start, as pytest demands. The plugin is here also where it is not installed.
pytest_plugins = ["pytester", "rldk_trl"]


@pytest.fixture(scope="session")
def row(trl_release: Any) -> Release:
    """The row of the matrix that this cell runs; by hand, in any environment, the installed release's."""
    if trl_release.version.is_devrelease:  # TRL's main branch, held to what the newest release does
        return dataclasses.replace(load_matrix().releases[-1], version=str(trl_release.version))
    cell = os.environ.get("RLDK_TRL_CELL", str(trl_release.version))
    return find_cell(load_matrix(), cell).release


@pytest.fixture(scope="session")
def version(row: Release) -> Version:
    """The release that the row names: the ground truth that probes are held against."""
    return row.parsed


@pytest.fixture
def measure(record_property: Any) -> Callable[[str, str, str], None]:
    """Note in the cell's JUnit XML what this test saw: ``measure(table, entry, saw)``; docs/ is made from it."""

    def note(table: str, entry: str, saw: str) -> None:
        record_property(f"rldk_trl:{table}", f"{entry}: {saw}")

    return note
