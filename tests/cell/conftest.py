"""What runs in each cell of the matrix, on the release's own real classes; nothing here is stubbed."""

from __future__ import annotations

import contextlib
import gc
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from rldk.integrations.trl.releases.generations import installed_generation


@pytest.fixture(scope="session", autouse=True)
def imports_left_alone() -> None:
    """TRL's train API calls `gc.collect` all through an update; over TRL and torch that is 3/4 of the time."""
    with contextlib.suppress(ImportError):
        installed_generation()
    gc.collect()
    gc.freeze()


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
