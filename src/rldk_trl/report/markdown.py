"""The report as Markdown, for a README, documentation and a job summary."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence

from rldk_trl.matrix.schema import SINGLE, Release
from rldk_trl.report.compare import Changes
from rldk_trl.report.rows import ReportRow

_COLUMNS = ("TRL", "lane", "API", "transformers", "torch", "status", "expected", "duration", "reason")


def render_markdown(rows: Sequence[ReportRow], listed: Iterable[Release] = (), changes: Changes | None = None) -> str:
    """Return the report: a line of totals, the changes (if there is a comparison) and one table."""
    worlds = any(row.world != SINGLE for row in rows)
    columns = (*_COLUMNS[:2], *(["world"] if worlds else []), *_COLUMNS[2:])
    run = [row for row in rows if row.ran]
    good = sum(row.as_declared for row in rows)
    lines = [
        "# TRL compatibility matrix",
        "",
        f"{len(rows)} cells: {good} as declared, {len(run) - good} not as declared or run in part,"
        f" {len(rows) - len(run)} not run.",
        "",
        *(() if changes is None else _changes(changes)),
        _line(columns),
        _line(["---"] * len(columns)),
    ]
    for row in rows:
        values = (
            row.trl,
            row.lane,
            *([row.world] if worlds else []),
            row.api,
            row.transformers,
            row.torch,
            row.status,
            row.expected,
            None if row.duration_s is None else f"{row.duration_s:.0f} s",
            "; ".join(text for text in (row.part, row.reason) if text),
        )
        lines.append(_line([escape_cell(value or "") for value in values]))
    by_reason: dict[str, list[str]] = {}
    for release in listed:
        by_reason.setdefault(release.expectation.reason or "", []).append(release.version)
    lines += [
        f"\nOnly listed, not run: {', '.join(versions)} ({escape_cell(reason)})."
        for reason, versions in by_reason.items()
    ]
    return "\n".join(lines) + "\n"


def escape_cell(text: str) -> str:
    """Escape text so that a Markdown table shows it as it is: no new cell, row, tag, link, emphasis or code."""
    flat = html.escape(" ".join(text.split()), quote=False)
    return re.sub(r"([\\`*_\[\]|~])", r"\\\1", flat)


def _changes(changes: Changes) -> list[str]:
    lines = [f"## Changed since {escape_cell(changes.other)}", ""]
    if not changes:
        return [*lines, "Nothing.", ""]
    for title, found in changes.groups.items():
        lines += [f"{title} ({len(found)}):", ""] if found else []
        for one in found:
            reason = f": {escape_cell(one.reason)}" if one.reason else ""
            lines.append(f"- {one.cell}: {one.before} -> {one.now}{reason}")
        lines += [""] if found else []
    if changes.packages:
        lines += [f"Packages ({len(changes.packages)}):", ""]
        for package in changes.packages:
            where = f"{len(package.cells)} cells" if len(package.cells) > 1 else package.cells[0]
            name = escape_cell(package.name)
            lines.append(f"- {name}: {package.before or 'none'} -> {package.now or 'none'} ({where})")
        lines.append("")
    return lines


def _line(values: Sequence[str]) -> str:
    return f"| {' | '.join(values)} |"
