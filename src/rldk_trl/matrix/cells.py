"""The cells of the matrix. A cell is one release in one lane and one world."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from rldk_trl.errors import MatrixError
from rldk_trl.matrix.schema import PERIOD, SINGLE, SINGLE_WORLD, Expectation, Lane, Matrix, Release, World


@dataclass(frozen=True)
class Cell:
    """One release in one lane and one world, with everything that its lock depends on."""

    matrix: Matrix
    release: Release
    lane: Lane
    world: World = SINGLE_WORLD

    @property
    def id(self) -> str:
        """``0.23.0`` in the lane period, ``0.23.0-today`` in the lane today, ``0.23.0-ddp`` in the world ddp."""
        return self._named(self.column)

    @property
    def column(self) -> str:
        """The cell's place beside the other cells of its release: its world or, in the world single, its lane."""
        return self.lane.name if self.world.name == SINGLE else self.world.name

    @property
    def lock_name(self) -> str:
        """The cell's id or, in a world, the release with the world's extra: other worlds may have the same lock."""
        if self.world.name == SINGLE:
            return self.id
        return self._named(self.world.extra.name if self.world.extra else PERIOD)

    @property
    def cutoff(self) -> date:
        """The resolution uses only files that were uploaded by the end of this day (UTC).

        It is the lane's own date, or the release's own cut-off if that is later.
        """
        return max(self.lane.cutoff or self.release.cutoff, self.release.cutoff)

    @property
    def expectation(self) -> Expectation:
        """What is declared for this cell."""
        return self.release.expected(self.lane.name, self.world.name)

    @property
    def tags(self) -> list[str]:
        """Nox tags: smoke (in a world ``smoke-ddp``), the lane or the world, and the API or ``no-ppo``."""
        name = "smoke" if self.world.name == SINGLE else f"smoke-{self.world.name}"
        return self._tags(name, self.column)

    @property
    def requirements(self) -> tuple[str, ...]:
        """What is resolved together for this cell."""
        return (
            f"trl=={self.release.version}",
            f"torch=={self.matrix.torch}",
            *self.matrix.requires,
            # Any other lane measures a plain install.
            *(self.release.requires if self.lane.name == PERIOD else ()),
            *(self.release.extras[self.world.extra.name] if self.world.extra else ()),
        )

    @property
    def all_tags(self) -> set[str]:
        """The tags and, in a world, those of the release in the world single."""
        return {*self.tags, *self._tags("smoke", self.lane.name)}

    def _tags(self, smoke: str, column: str) -> list[str]:
        has_smoke = self.release.smoke and self.lane.name == PERIOD
        api = "no-ppo" if self.release.api == "none" else self.release.api
        return [*([smoke] if has_smoke else []), column, api]

    def _named(self, column: str) -> str:
        return self.release.version if column == PERIOD else f"{self.release.version}-{column}"


def all_cells(matrix: Matrix) -> list[Cell]:
    """Return every cell, by release: its lanes, then its worlds. A release that is only listed has no cells."""
    period = next(lane for lane in matrix.lanes if lane.name == PERIOD)
    cells = []
    for release in matrix.releases:
        if not release.listed:
            cells += [Cell(matrix, release, lane) for lane in matrix.lanes]
            cells += [Cell(matrix, release, period, world) for world in matrix.worlds if world.name in release.worlds]
    return cells


def cells_in_worlds(cells: Iterable[Cell], worlds: Collection[str]) -> list[Cell]:
    """Return the cells in these worlds.

    Raises:
        MatrixError: one of the worlds has no cell.
    """
    cells = list(cells)
    known = list(dict.fromkeys(cell.world.name for cell in cells))
    for world in worlds:
        if world not in known:
            raise MatrixError(f"world {world!r}: it has none of these cells; use one of {', '.join(known)}")
    return [cell for cell in cells if cell.world.name in worlds]


def select_cells(cells: Iterable[Cell], *, releases: str | None = None, tags: Collection[str] = ()) -> list[Cell]:
    """Return the cells with all of the tags (`Cell.all_tags`), of releases that satisfy a PEP 440 specifier.

    Raises:
        MatrixError: the specifier does not parse, or no cell is left.
    """
    try:
        wanted = SpecifierSet(releases or "")
    except InvalidSpecifier:
        raise MatrixError(f'releases={releases!r}: not a PEP 440 specifier; write e.g. ">=0.12,<1.13"') from None
    chosen = [
        cell
        for cell in cells
        if wanted.contains(cell.release.version, prereleases=True) and set(tags) <= cell.all_tags
    ]
    if not chosen:
        raise MatrixError(
            f"releases={releases!r}, tags={list(tags)}: no cell matches; see `python -m rldk_trl releases`"
        )
    return chosen


def find_cell(matrix: Matrix, cell_id: str) -> Cell:
    """Return the cell with this id.

    Raises:
        MatrixError: there is no such cell; the message names the nearest ones.
    """
    cells = {cell.id: cell for cell in all_cells(matrix)}
    if cell_id in cells:
        return cells[cell_id]
    listed = {release.version: release.expectation.reason for release in matrix.listed}
    if cell_id in listed:
        raise MatrixError(f"{matrix.path.name}: {cell_id} is only listed and is not run: {listed[cell_id]}")
    raise MatrixError(
        f"{matrix.path.name}: no cell {cell_id!r}; nearest: {', '.join(nearest_cells(matrix, cell_id))}"
        " (all: `python -m rldk_trl releases`)"
    )


def nearest_cells(matrix: Matrix, cell_id: str) -> list[str]:
    """Return the ids of the releases just below and above a version, or of the newest if it is not a version."""
    text = cell_id.partition("-")[0]
    ordered = [release for release in matrix.releases if not release.listed]
    try:
        version = Version(text)
    except InvalidVersion:
        return [ordered[-1].version]
    below = [release.version for release in ordered if release.parsed < version][-1:]
    above = [release.version for release in ordered if release.parsed > version][:1]
    same = [cell.id for cell in all_cells(matrix) if cell.release.parsed == version]
    return below + same + above
