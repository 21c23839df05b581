"""What ``matrix.toml`` says, as plain frozen data."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from packaging.version import Version

Api = Literal["step", "train", "none"]
Expect = Literal["pass", "no-ppo", "xfail", "listed"]
Phase = Literal["resolve", "install", "import", "test"]
Cause = Literal["trl", "dependency", "ours"]

PERIOD = "period"
# In these phases Python runs, so that a failure has an exception's class.
LATE_PHASES = ("import", "test")


@dataclass(frozen=True)
class Expectation:
    """What a cell is declared to do; everything but ``status`` is given only where that is not a pass.

    ``phase`` and ``exception`` are for ``xfail``: a cell that fails in any other way than declared has
    failed. ``exception`` is a class name, in the phases resolve and install some words of uv's message
    (without them a network that is down would pass for the declared failure). ``instead``: what to do about it.
    ``listed``: a release that nothing is run of.
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
class Release:
    """One TRL release. ``requires`` is for the lane period: what the release needs and fails to declare."""

    version: str
    date: datetime.date
    cutoff: datetime.date
    api: Api
    smoke: bool
    requires: tuple[str, ...]
    expectations: dict[str, Expectation]

    @property
    def listed(self) -> bool:
        """Whether nothing is run of it."""
        return self.expectation.status == "listed"

    @property
    def parsed(self) -> Version:
        """The version, to compare."""
        return Version(self.version)

    @property
    def expectation(self) -> Expectation:
        """What is declared for this release in the lane period."""
        return self.expected(PERIOD)

    def expected(self, lane: str) -> Expectation:
        """What is declared for this release in a lane."""
        return self.expectations[lane]


@dataclass(frozen=True)
class Fixed:
    """Packages that are resolved as of ``date`` in every cell whose own cut-off is older."""

    date: datetime.date
    packages: tuple[str, ...]


@dataclass(frozen=True)
class Matrix:
    """The whole of ``matrix.toml``, releases in ascending order."""

    path: Path
    python: str
    torch: str
    requires: tuple[str, ...]
    fixed: Fixed
    lanes: tuple[Lane, ...]
    releases: tuple[Release, ...]

    @property
    def listed(self) -> list[Release]:
        """The releases that nothing is run of."""
        return [release for release in self.releases if release.listed]
