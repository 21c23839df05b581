"""Report the progress of a run of the matrix, from the events that all its processes append to a file.

``nox -j`` runs each cell in its own process, so the events are in a file, one line per event. Each line is written
at once, so that a kill leaves whole lines.
"""

from __future__ import annotations

import argparse
import json
import os
import textwrap
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RUN_VARIABLE = "RLDK_TRL_RUN"
TOTAL_VARIABLE = "RLDK_TRL_RUN_CELLS"
_RUNS = Path(".matrix") / "runs"
_KEPT_RUNS = 20
_LONGEST_ERROR = 70


@dataclass(frozen=True)
class CellEnd:
    """How one cell ended in this run."""

    cell: str
    status: str
    declared: bool
    ran: bool
    phase: str | None = None
    reason: str | None = None
    log: str | None = None


def begin(root: Path, session: str, cells: Mapping[str, Collection[str]], argv: Sequence[str]) -> bool:
    """Open a run in this process's environment. Return False if the process belongs to a run of another process.

    Args:
        root: the folder that holds ``.matrix``.
        session: the session's name, ``trl_matrix``.
        cells: every cell's id with its tags.
        argv: nox's own arguments, which select the cells.
    """
    if RUN_VARIABLE in os.environ:
        return False
    os.environ[RUN_VARIABLE] = str(root / _RUNS / f"{time.time_ns()}-{os.getpid()}.jsonl")
    os.environ[TOTAL_VARIABLE] = str(len(selected(session, cells, argv)))
    return True


def selected(session: str, cells: Mapping[str, Collection[str]], argv: Sequence[str]) -> list[str]:
    """Return the cells that nox's ``-s``, ``-e``, ``-t`` and ``-k`` select; all of them without these options."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("-s", "-e", "--session", "--sessions", nargs="*", action="extend", default=[])
    parser.add_argument("-t", "--tags", nargs="*", action="extend", default=[])
    parser.add_argument("-k", "--keywords")
    before = list(argv)[: list(argv).index("--")] if "--" in argv else list(argv)
    found, _ = parser.parse_known_args(before)
    named = {name.replace("'", "").replace('"', "") for name in found.session}
    chosen = list(cells)
    if named and session not in named:
        chosen = [cell for cell in chosen if {f"{session}({cell})", f"{session}(cell={cell})"} & named]
    if found.tags:
        chosen = [cell for cell in chosen if set(cells[cell]) & set(found.tags)]
    if found.keywords:
        chosen = [cell for cell in chosen if _matches(found.keywords, session, cell, cells[cell])]
    return chosen


def _matches(expression: str, session: str, cell: str, tags: Collection[str]) -> bool:
    from nox.manifest import keyword_match

    try:
        return bool(keyword_match(expression, [f"{session}({cell})", f"{session}(cell={cell!r})", *tags, session]))
    except (SyntaxError, NameError, TypeError):
        return True  # nox itself reports the wrong expression


def started(cell: str) -> None:
    """Record that a cell has started."""
    _append({"event": "start", "cell": cell, "time": time.time()})


def ended(end: CellEnd) -> str:
    """Record how a cell ended; return the progress line."""
    _append({"event": "end", "time": time.time(), **vars(end)})
    return line(_events(), int(os.environ.get(TOTAL_VARIABLE, "0")), time.time())


def line(events: Sequence[Mapping[str, Any]], total: int, now: float) -> str:
    """Return the progress line: cells done, failures, cells running, and the time left at the present pace."""
    ends = [event for event in events if event["event"] == "end"]
    done = {str(event["cell"]) for event in ends}
    running = [str(event["cell"]) for event in events if event["event"] == "start" and event["cell"] not in done]
    failed = sum(not event["declared"] for event in ends)
    ran = [event for event in ends if event["ran"]]
    parts = [f"{len(done)} of {max(total, len(done))} cells done", f"{failed} not as declared"]
    if running:
        parts.append(f"running {', '.join(running)}")
    left = max(total - len(done), 0)
    if ran and left:
        first = min(float(event["time"]) for event in events)
        parts.append(f"about {_duration((now - first) / len(ran) * left)} left")
    return "; ".join(parts)


def ends_of_run() -> list[CellEnd]:
    """Return how the cells of this run ended, in that order."""
    names = CellEnd.__dataclass_fields__
    return [
        CellEnd(**{name: value for name, value in event.items() if name in names})
        for event in _events()
        if event["event"] == "end"
    ]


def failures_table(ends: Sequence[CellEnd], session: str) -> list[str]:
    """Return a table of the cells that were not as declared: phase, error, log, command. Empty if all were."""
    failed = [end for end in ends if not end.declared]
    if not failed:
        return []
    rows = [("cell", "status", "phase", "error", "log", "rerun")]
    for end in failed:
        reason = (end.reason or "").split("\n")[0]
        short = textwrap.shorten(reason, _LONGEST_ERROR, placeholder="...")
        rows.append((end.cell, end.status, end.phase or "-", short, end.log or "-", f'nox -s "{session}({end.cell})"'))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _append(event: Mapping[str, object]) -> None:
    path = Path(os.environ[RUN_VARIABLE])
    if not path.parent.is_dir():
        path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        for old in sorted(path.parent.glob("*.jsonl"))[: -_KEPT_RUNS or None]:
            old.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    try:
        os.write(descriptor, (json.dumps(event) + "\n").encode())
    finally:
        os.close(descriptor)


def _events() -> list[dict[str, Any]]:
    path = Path(os.environ[RUN_VARIABLE])
    if not path.exists():
        return []
    return [json.loads(text) for text in path.read_text(encoding="utf-8").splitlines()]


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
