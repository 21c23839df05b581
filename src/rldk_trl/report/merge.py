"""Merge the results of several machines into one folder. The order of the machines does not matter."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rldk_trl.errors import ResultError
from rldk_trl.runner.results import RESULTS, CellResult, ResultFiles, read_result_file

_KINDS = (".log", ".xml", ".json")  # the result last: it must not exist without its log


@dataclass(frozen=True)
class Merged:
    """``cells``: the cells with a result. ``stopped``: the cells with a log but no result anywhere."""

    cells: tuple[str, ...]
    stopped: tuple[str, ...]


@dataclass(frozen=True)
class _Found:
    folder: Path
    cell: str
    result: CellResult | None  # None: the cell was stopped and left only its log
    content: tuple[bytes | None, ...]


def results_folder(place: Path) -> Path:
    """Return the folder with the results: ``place`` itself, or the one inside it if it is or holds ``.matrix``.

    Raises:
        ResultError: there are no results.
    """
    for folder in (place / RESULTS, place / RESULTS.name):
        if folder.is_dir():
            return folder
    if place.is_dir() and any(
        path.suffix in _KINDS and not path.name.startswith("report.") for path in place.iterdir()
    ):
        return place
    raise ResultError(f"{place}: no results there; pass a folder .matrix or .matrix/results of a run")


def merge_results(places: Iterable[Path], into: Path, *, newer: bool = False) -> Merged:
    """Merge results into ``into``, a ``.matrix`` folder. Results that are already there take part.

    Everything is read, compared and copied to a place next to ``into`` before anything in ``into`` changes.

    Args:
        places: folders that `results_folder` accepts.
        into: the target; it is created if it does not exist.
        newer: if a cell has two results, use the one that finished later.

    Raises:
        ResultError: two results of one cell differ, and ``newer`` is False or does not decide; or ``into`` cannot
            be written.
    """
    target = into / RESULTS.name
    folders = [results_folder(place) for place in places]
    found: dict[str, list[_Found]] = {}
    for folder in [*folders, *([target] if target.is_dir() else [])]:
        for cell in _cells(folder):
            one = _Found(folder, cell, read_result_file(folder / f"{cell}.json"), _content(folder, cell))
            found.setdefault(cell, []).append(one)
    chosen = {cell: _choose(found[cell], newer=newer) for cell in sorted(found)}
    _put(chosen, target)
    return Merged(
        cells=tuple(cell for cell, one in chosen.items() if one.result is not None),
        stopped=tuple(cell for cell, one in chosen.items() if one.result is None),
    )


def _cells(folder: Path) -> list[str]:
    names = [path for path in folder.iterdir() if path.suffix in (".json", ".log")]
    return sorted({path.stem for path in names if not path.name.startswith((".", "report."))})


def _content(folder: Path, cell: str) -> tuple[bytes | None, ...]:
    paths = [folder / f"{cell}{kind}" for kind in _KINDS]
    return tuple(path.read_bytes() if path.is_file() else None for path in paths)


def _choose(candidates: Sequence[_Found], *, newer: bool) -> _Found:
    times = [one.result.finished for one in candidates if one.result is not None]
    if not times:
        # The choice must not depend on the order.
        return max(candidates, key=lambda one: [content or b"" for content in one.content])
    whole = [one for one in candidates if one.result is not None]
    first = whole[0]
    others = [one for one in whole if one.content != first.content]
    if not others:
        return first
    what = f"{first.cell}: {first.folder} and {others[0].folder} hold different results"
    if not newer:
        raise ResultError(f"{what}; remove one, or merge with --newer")
    if not all(times):
        raise ResultError(f"{what}, and not all have a finish time; remove one")
    latest = [one for one, time in zip(whole, times, strict=True) if time == max(times)]
    if any(one.content != latest[0].content for one in latest):
        raise ResultError(f"{first.cell}: different results that finished at the same moment; remove one")
    return latest[0]


def _put(chosen: Mapping[str, _Found], target: Path) -> None:
    changed = {cell: one for cell, one in chosen.items() if one.folder != target}
    # If the disk is full or the process is killed here, the target is untouched.
    staged = target.with_name(f".merge-{os.getpid()}")
    try:
        for left in target.parent.glob(".merge-*"):
            shutil.rmtree(left)
        staged.mkdir(parents=True)
        for cell, one in changed.items():
            for kind, content in zip(_KINDS, one.content, strict=True):
                if content is not None:
                    (staged / f"{cell}{kind}").write_bytes(content)
        if not target.exists():
            os.replace(staged, target)
            return
        for cell in changed:
            _replace(staged, target, cell)
    except OSError as error:
        raise ResultError(
            f"{target}: cannot be written ({error.strerror or error}); fix that and merge again, the results are"
            " still where they were"
        ) from None
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def _replace(staged: Path, target: Path, cell: str) -> None:
    if _content(staged, cell) == _content(target, cell):
        return
    json_, log, junit = (target / f"{cell}{kind}" for kind in (".json", ".log", ".xml"))
    ResultFiles(json_, log, junit).remove()
    for kind in _KINDS:
        if (staged / f"{cell}{kind}").exists():
            os.replace(staged / f"{cell}{kind}", target / f"{cell}{kind}")
