"""The report as one HTML page. It needs no network and no other file, and it works without scripts."""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from rldk.integrations.trl import check_trl_compatibility
from rldk_trl.errors import ResultError
from rldk_trl.matrix.cells import Cell
from rldk_trl.matrix.schema import SINGLE, Release
from rldk_trl.report.compare import Changes
from rldk_trl.report.logs import LINES_DECLARED, LINES_OTHERWISE, LogEnd, log_end
from rldk_trl.report.rows import NOT_RUN, ReportRow, trained
from rldk_trl.runner.results import result_files

TEMPLATES = Path(__file__).with_name("templates")
# The total of all logs that are shown at length. It keeps the page smaller than a photograph.
_LOG_CHARACTERS = 400_000
_LONGEST_LOG, _SHORTEST_LOG = 30_000, 3_000


@dataclass(frozen=True)
class Sign:
    """How a status is shown, never by its colour alone."""

    key: str
    symbol: str
    word: str
    meaning: str


# In the order of the filter and of sorting: a status that needs attention comes first.
SIGNS = {
    "fail": Sign("fail", "\u2717", "fail", "failed, or did not fail as declared"),
    "error": Sign("error", "!", "error", "could not be measured"),
    "timeout": Sign("timeout", "\u25f7", "timeout", "not done within the time limit"),
    "xpass": Sign("xpass", "\u25b2", "xpass", "passed, but is declared to fail"),
    "xfail": Sign("xfail", "\u25b3", "xfail", "fails, as declared"),
    "pass": Sign("pass", "\u2713", "pass", "PPO trains"),
    "no-ppo": Sign("no-ppo", "\u25cb", "no PPO", "the release has no PPO, as declared"),
    NOT_RUN: Sign("not-run", "\u00b7", "not run", "no result yet"),
    "listed": Sign("listed", "\u2013", "listed", "only listed, not run"),
}


@dataclass(frozen=True)
class Generation:
    """A kind of PPO API. Consecutive releases of one kind are a band of the page."""

    key: str
    word: str
    title: str


GENERATIONS = {
    "listed": Generation("listed", "listed", "Older than PPOTrainer"),
    "step": Generation("step", "step", "Step API"),
    "train": Generation("train", "train", "Train API, in trl"),
    "experimental": Generation("experimental", "train, experimental", "Train API, in trl.experimental.ppo"),
    "none": Generation("none", "no PPO", "No PPO"),
}


@dataclass(frozen=True)
class CellView:
    """One cell of the page."""

    row: ReportRow
    sign: Sign
    log: LogEnd | None
    log_name: str
    known: tuple[str, ...]
    """The library's warnings about this release."""
    advice: str | None


@dataclass(frozen=True)
class ReleaseView:
    """One line of the page's table. ``cells``: by lane or world; empty for a release that is only listed."""

    version: str
    date: str
    number: int
    generation: Generation
    cells: dict[str, CellView]
    reason: str | None = None
    link: str | None = None


def render_page(
    root: Path,
    cells: Sequence[Cell],
    rows: Sequence[ReportRow],
    listed: Iterable[Release],
    changes: Changes | None = None,
) -> str:
    """Return the page.

    Raises:
        ResultError: Jinja, which comes with the extra ``nox``, is not installed.
    """
    try:
        import jinja2
    except ImportError:
        raise ResultError(
            "report.html: not written, because jinja2 is not installed; run pip install 'rldk-trl[nox]'"
        ) from None
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style, script = ((TEMPLATES / name).read_text(encoding="utf-8") for name in ("report.css", "report.js"))
    return environment.get_template("report.html.j2").render(
        **page_content(root, cells, rows, listed),
        changes=changes,
        style=_own(style),
        script=_own(script),
        style_hash=_hash(style),
        script_hash=_hash(script),
    )


def page_content(
    root: Path, cells: Sequence[Cell], rows: Sequence[ReportRow], listed: Iterable[Release]
) -> dict[str, Any]:
    """Return everything that the template shows."""
    releases = _releases(root, cells, rows, listed)
    views = [view for release in releases for view in release.cells.values()]
    columns = {cell.column: (cell.lane if cell.world.name == SINGLE else cell.world).about for cell in cells}
    counts = Counter(row.status for row in rows)
    return {
        "bands": [(one, list(group)) for one, group in groupby(releases, lambda release: release.generation)],
        "columns": columns,
        "worlds": any(cell.world.name != SINGLE for cell in cells),
        "generations": [one for one in GENERATIONS.values() if any(r.generation == one for r in releases)],
        "counts": [(sign, counts[status]) for status, sign in SIGNS.items() if counts[status]],
        "attention": [view for view in views if view.row.ran and not view.row.as_declared],
        "trained": trained(rows),
        "total": len(rows),
        "good": sum(row.as_declared for row in rows),
        "ran": sum(row.ran for row in rows),
        "finished": max((row.finished for row in rows), default=""),
        "torch": sorted({row.torch for row in rows if row.torch}),
        "order": list(SIGNS),
        "listed_sign": SIGNS["listed"],
    }


def _releases(
    root: Path, cells: Sequence[Cell], rows: Sequence[ReportRow], listed: Iterable[Release]
) -> list[ReleaseView]:
    by_id = {row.cell: row for row in rows}
    otherwise = sum(row.ran and not row.as_declared for row in rows)
    longest = min(_LONGEST_LOG, max(_SHORTEST_LOG, _LOG_CHARACTERS // max(otherwise, 1)))
    views: dict[str, dict[str, CellView]] = {}
    known = {cell.release.version: cell.release for cell in cells} | {release.version: release for release in listed}
    for cell in cells:
        view = _cell(root, by_id[cell.id], longest)
        views.setdefault(cell.release.version, {})[cell.column] = view
    ordered = sorted(known.values(), key=lambda release: release.parsed)
    return [
        ReleaseView(
            version=release.version,
            date=release.date.isoformat(),
            number=number,
            generation=generation(release),
            cells=views.get(release.version, {}),
            reason=release.expectation.reason,
            link=release.expectation.link,
        )
        for number, release in enumerate(ordered)
    ]


def generation(release: Release) -> Generation:
    """Return the API that a release has by its row, in the module that it has by the library."""
    if release.listed:
        return GENERATIONS["listed"]
    if release.api != "train":
        return GENERATIONS[release.api]
    module = check_trl_compatibility(release.version)["ppo_module"]
    return GENERATIONS["train" if module == "trl" else "experimental"]


def _cell(root: Path, row: ReportRow, longest: int) -> CellView:
    lines = LINES_DECLARED if row.as_declared else LINES_OTHERWISE
    files = result_files(root, row.cell)
    answer = check_trl_compatibility(row.trl)
    # The page itself shows that a release has not been run.
    known = answer["warnings"] if answer["tested"] else ()
    advice = row.instead or (None if answer["ppo_available"] else "; ".join(answer["recommendations"]))
    return CellView(
        row=row,
        sign=SIGNS[row.status],
        log=log_end(files.log, lines=lines, characters=longest),
        log_name=files.log.relative_to(root).as_posix(),
        known=tuple(text.removeprefix(f"TRL {row.trl}: ") for text in known),
        advice=advice or None,
    )


def _own(text: str) -> Any:
    """Mark one of our own files as safe, so that the page contains it unescaped."""
    from markupsafe import Markup

    return Markup(text)


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
