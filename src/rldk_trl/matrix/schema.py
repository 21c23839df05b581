"""The content of ``matrix.toml`` as plain frozen data."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from packaging.version import Version

Api = Literal["step", "train", "none"]
Expect = Literal["pass", "no-ppo", "xfail", "listed"]
Phase = Literal["resolve", "install", "import", "test"]
Cause = Literal["trl", "dependency", "ours"]

PERIOD = "period"
SINGLE = "single"
# Python runs in these phases, so a failure has an exception class.
LATE_PHASES = ("import", "test")


@dataclass(frozen=True)
class Expectation:
    """What a cell is declared to do. All fields but ``status`` are None for a pass.

    ``phase`` and ``exception`` belong to ``xfail``: a cell that fails in any other way has status ``fail``.
    ``exception`` is a class name. In the phases resolve and install it is some words of uv's message, so that a
    network failure does not count as the declared one. ``instead``: what a user can do. A release with the status
    ``listed`` is not run.
    """

    status: Expect = "pass"
    reason: str | None = None
    phase: Phase | None = None
    exception: str | None = None
    cause: Cause | None = None
    link: str | None = None
    instead: str | None = None


@dataclass(frozen=True)
class Lane:
    """A way to choose dependencies: as of one date, or (``cutoff`` None) as of each release's own cut-off."""

    name: str
    about: str
    cutoff: datetime.date | None = None


@dataclass(frozen=True)
class Fixed:
    """Packages that are resolved as of ``date`` in every cell with an older cut-off."""

    date: datetime.date
    packages: tuple[str, ...]


@dataclass(frozen=True)
class Extra:
    """Requirements that a world adds to the lane period. Worlds with the same extra share their locks.

    ``fixed``: what is resolved as of another date. ``build``: packages that are built in the finished environment,
    without isolation, and the environment variables for it.
    """

    name: str
    fixed: Fixed
    requires: tuple[str, ...]
    build: Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class World:
    """What a cell's tests run on: one process (``single``), several, or an accelerator.

    ``device``: the maker of the accelerator that the world needs, or None. ``extra``: what else is installed.
    """

    name: str
    about: str
    extra: Extra | None = None
    device: str | None = None


SINGLE_WORLD = World(SINGLE, "one process, no accelerator")
"""Every release is in this world, in every lane. The other worlds are in the lane period."""


@dataclass(frozen=True)
class Release:
    """One TRL release. ``requires`` is for the lane period: what the release needs and does not declare.

    ``expectations``: by lane, in the world single. ``worlds``: by world, for the other worlds that the release is in.
    ``extras``: by extra, what it requires for this release.
    """

    version: str
    date: datetime.date
    cutoff: datetime.date
    api: Api
    smoke: bool
    requires: tuple[str, ...]
    expectations: dict[str, Expectation]
    worlds: dict[str, Expectation]
    extras: dict[str, tuple[str, ...]]

    @property
    def listed(self) -> bool:
        """Whether the release is only listed and not run."""
        return self.expectation.status == "listed"

    @property
    def parsed(self) -> Version:
        """The version, for comparisons."""
        return Version(self.version)

    @property
    def expectation(self) -> Expectation:
        """What is declared for this release in the lane period."""
        return self.expected(PERIOD)

    def expected(self, lane: str, world: str = SINGLE) -> Expectation:
        """What is declared for this release in a lane and a world."""
        return self.expectations[lane] if world == SINGLE else self.worlds[world]


@dataclass(frozen=True)
class Matrix:
    """The whole of ``matrix.toml``, with the releases in ascending order. ``worlds`` begins with single."""

    path: Path
    python: str
    torch: str
    requires: tuple[str, ...]
    fixed: Fixed
    lanes: tuple[Lane, ...]
    worlds: tuple[World, ...]
    releases: tuple[Release, ...]

    @property
    def listed(self) -> list[Release]:
        """The releases that are only listed."""
        return [release for release in self.releases if release.listed]
