"""The cells of the matrix. A cell is one release in one lane."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from rldk_trl.errors import MatrixError
from rldk_trl.matrix.schema import PERIOD, Expectation, Lane, Matrix, Release


@dataclass(frozen=True)
class Cell:
    """One release in one lane, with everything that its lock depends on."""

    matrix: Matrix
    release: Release
    lane: Lane

    @property
    def id(self) -> str:
        """``0.23.0`` in the lane period, ``0.23.0-today`` in the lane today."""
        return self.release.version if self.lane.name == PERIOD else f"{self.release.version}-{self.lane.name}"

    @property
    def cutoff(self) -> date:
        """The resolution uses only files that were uploaded by the end of this day (UTC).

        It is the lane's own date, or the release's own cut-off if that is later.
        """
        return max(self.lane.cutoff or self.release.cutoff, self.release.cutoff)

    @property
    def expectation(self) -> Expectation:
        """What is declared for this cell."""
        return self.release.expected(self.lane.name)

    @property
    def tags(self) -> list[str]:
        """Nox tags: smoke, the lane, and the API or ``no-ppo``."""
        smoke = ["smoke"] if self.release.smoke and self.lane.name == PERIOD else []
        return [*smoke, self.lane.name, "no-ppo" if self.release.api == "none" else self.release.api]

    @property
    def requirements(self) -> tuple[str, ...]:
        """What is resolved together for this cell."""
        return (
            f"trl=={self.release.version}",
            f"torch=={self.matrix.torch}",
            *self.matrix.requires,
            # Any other lane measures a plain install.
            *(self.release.requires if self.lane.name == PERIOD else ()),
        )


def all_cells(matrix: Matrix) -> list[Cell]:
    """Return every cell, by release and then by lane. A release that is only listed has no cells."""
    return [Cell(matrix, release, lane) for release in matrix.releases if not release.listed for lane in matrix.lanes]


def select_cells(cells: Iterable[Cell], *, releases: str | None = None, tags: Collection[str] = ()) -> list[Cell]:
    """Return the cells with all of the tags, of releases that satisfy a PEP 440 specifier.

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
        if wanted.contains(cell.release.version, prereleases=True) and set(tags) <= set(cell.tags)
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
