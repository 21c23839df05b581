"""The blocks of ``matrix.toml``. A block applies to every release that its specifier matches."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import cast, get_args

from packaging.specifiers import SpecifierSet

from rldk_trl.errors import MatrixError
from rldk_trl.matrix.schema import LATE_PHASES, Api, Cause, Expect, Expectation, Phase
from rldk_trl.matrix.table import Table

# Both are pinned for every cell.
RESERVED = ("trl", "torch")


@dataclass(frozen=True)
class Block:
    """What every block has: the releases that it applies to, and its place in the file for errors."""

    where: str
    releases: SpecifierSet

    def matches(self, version: str) -> bool:
        """Whether the block applies to a release. A pre-release counts like any other release."""
        return self.releases.contains(version, prereleases=True)


@dataclass(frozen=True)
class ExpectBlock(Block):
    """An ``[[expect]]`` block. ``lane`` is None if the block applies to every lane, ``world`` for the world single."""

    lane: str | None
    world: str | None
    expectation: Expectation

    @property
    def rank(self) -> int:
        """The higher rank wins: 0 for a range, 1 for one release (``==0.9.6``), 2 for one release in one lane."""
        operators = [one.operator for one in self.releases if not one.version.endswith(".*")]
        return 0 if operators != ["=="] else 1 if self.lane is None else 2


@dataclass(frozen=True)
class RequireBlock(Block):
    """A ``[[require]]`` block. With ``extra``, it changes what that extra requires of the same packages."""

    requires: tuple[str, ...]
    extra: str | None


def read_expect(body: object, where: str, lanes: Collection[str], worlds: Collection[str] = ()) -> ExpectBlock:
    """Read one ``[[expect]]`` block."""
    table = Table(body, where)
    releases = table.specifier("releases")
    table.where = f"{where} ({releases})"
    lane = table.choice("lane", tuple(lanes))
    world = table.choice("world", tuple(worlds))
    expectation = _expectation(table)
    table.finish()
    if expectation.status == "listed" and lane is not None:
        raise table.error('`status` is "listed", which applies to all lanes; remove `lane` or write "xfail"')
    if world is not None and (lane is not None or expectation.status in ("no-ppo", "listed")):
        raise table.error("a world has only releases with PPO, in the lane period; remove `world`, or `lane`")
    return ExpectBlock(table.where, releases, lane, world, expectation)


def read_require(body: object, where: str, extras: Collection[str] = ()) -> RequireBlock:
    """Read one ``[[require]]`` block."""
    table = Table(body, where)
    releases = table.specifier("releases")
    table.where = f"{where} ({releases})"
    extra = table.choice("extra", tuple(extras))
    requires = table.requirements("requires", RESERVED)
    table.finish()
    if not requires:
        raise table.error('`requires` is missing or empty; write e.g. ["numpy<2"]')
    return RequireBlock(table.where, releases, requires, extra)


def declared(blocks: Sequence[ExpectBlock], version: str, lane: str, world: str | None = None) -> Expectation:
    """Return what the blocks declare for a release in a lane and a world (None: single): a pass if no block applies.

    A block for one release wins over a block for a range, so that an exception leaves the range as it is.

    Raises:
        MatrixError: two blocks of the same rank apply.
    """
    found = [
        block for block in blocks if block.lane in (lane, None) and block.world == world and block.matches(version)
    ]
    if not found:
        return Expectation()
    first, *more = (block for block in found if block.rank == max(other.rank for other in found))
    if more:
        place = f"lane {lane}" if world is None else f"world {world}"
        raise MatrixError(f"{more[0].where}: {version} already has a block for {place}; narrow one of the two")
    return first.expectation


def mismatch(expectation: Expectation, api: Api) -> str | None:
    """Return how an expectation contradicts a release's API, or None if it does not."""
    status = expectation.status
    if status == "pass" and api == "none":
        return '`api` is "none" but a pass is expected; add an [[expect]] block with status = "no-ppo" and a reason'
    if status in ("no-ppo", "listed") and api != "none":
        return f'`status` is "{status}" but `api` is {api!r}; correct one of the two'
    return None


def _expectation(table: Table) -> Expectation:
    status = cast("Expect", table.required_choice("status", get_args(Expect)))
    reason = table.optional("reason", str)
    phase = cast("Phase | None", table.choice("phase", get_args(Phase)))
    exception = table.optional("exception", str)
    cause = cast("Cause | None", table.choice("cause", get_args(Cause)))
    link = table.optional("link", str)
    instead = table.optional("instead", str)
    if link is not None and not link.startswith("https://"):
        raise table.error(f"`link` is {link!r}; write an https:// address")
    if status == "pass" and (reason or link):
        raise table.error("`reason` and `link` explain why it is not a pass; write another `status` or remove them")
    if status != "pass" and reason is None:
        raise table.error("`reason` is missing; explain to a user why this is not a pass")
    if status != "xfail" and (phase or exception or cause or instead):
        raise table.error('`phase`, `exception`, `cause` and `instead` belong to status = "xfail"; remove them')
    if status == "xfail":
        for key, value in (("phase", phase), ("exception", exception), ("cause", cause), ("instead", instead)):
            if value is None:
                raise table.error(f"`{key}` is missing; an xfail needs `phase`, `exception`, `cause` and `instead`")
        if phase in LATE_PHASES and not str(exception).isidentifier():
            raise table.error(f'`exception` is {exception!r}; write a class name such as "ImportError"')
    return Expectation(status, reason, phase, exception, cause, link, instead)
