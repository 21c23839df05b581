"""What runs in each cell of the matrix, on the release's own real classes; nothing here is stubbed."""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from packaging.version import Version

from rldk.integrations.trl.releases.generations import installed_generation
from rldk_trl.matrix.cells import find_cell
from rldk_trl.matrix.loader import load_matrix
from rldk_trl.matrix.schema import Release

ROOT = Path(__file__).parents[2]


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


@pytest.fixture(scope="session", autouse=True)
def imports_left_alone() -> None:
    """TRL's train API calls `gc.collect` all through an update; over TRL and torch that is 3/4 of the time."""
    with contextlib.suppress(ImportError):
        installed_generation()
    gc.collect()
    gc.freeze()


@pytest.fixture
def measure(record_property: Any) -> Callable[[str, str, str], None]:
    """Note in the cell's JUnit XML what this test saw: ``measure(table, entry, saw)``; docs/ is made from it."""

    def note(table: str, entry: str, saw: str) -> None:
        record_property(f"rldk_trl:{table}", f"{entry}: {saw}")

    return note


class NetworkUsedError(OSError):
    """Something asked for the network in a cell."""


@pytest.fixture(autouse=True)
def closed_network(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Refuse every connection and look-up, and fail the test even if the refusal was swallowed."""
    asked: list[str] = []

    def refuse(what: str) -> Any:
        def refused(*args: Any, **_: Any) -> Any:
            address = next((arg for arg in args if isinstance(arg, tuple | str | bytes)), args)
            asked.append(f"{what}({address!r})")
            raise NetworkUsedError(f"{what}({address!r}): nothing in a cell may use the network")

        return refused

    class ClosedSocket(socket.socket):
        def connect(self, address: Any) -> Any:
            return super().connect(address) if self.family == socket.AF_UNIX else refuse("connect")(address)

        def connect_ex(self, address: Any) -> Any:
            return super().connect_ex(address) if self.family == socket.AF_UNIX else refuse("connect")(address)

    monkeypatch.setattr(socket, "socket", ClosedSocket)
    monkeypatch.setattr(socket, "create_connection", refuse("create_connection"))
    monkeypatch.setattr(socket, "getaddrinfo", refuse("getaddrinfo"))
    yield asked
    if asked:
        pytest.fail(f"the network was asked for: {'; '.join(asked)}", pytrace=False)
