"""A small SVG badge that shows on how many releases PPO runs."""

from __future__ import annotations

import html
from collections.abc import Sequence

from rldk_trl.report.rows import ReportRow, trained

_LABEL = "TRL PPO"
# White on each of these has a contrast above 4.5.
_GOOD, _PART, _BAD = "#1a7f37", "#8a5a00", "#b62324"
_HEIGHT, _SIZE, _PADDING = 20, 11, 7
_ADVANCE = 6.6  # pixels a character takes, on average, in the fonts named below


def render_badge(rows: Sequence[ReportRow]) -> str:
    """Return the badge: how many of the releases with PPO pass with the dependencies of their period.

    Red if a cell of any lane did not end as declared. Amber if not all pass, or not all were run.
    """
    good, wanted = trained(rows)
    text = f"{good} of {wanted} releases"
    if any(row.ran and not row.as_declared for row in rows):
        return badge(_LABEL, text, _BAD)
    return badge(_LABEL, text, _GOOD if good == wanted and all(row.ran for row in rows) else _PART)


def badge(label: str, text: str, colour: str) -> str:
    """Return an SVG with two texts on two backgrounds. Both texts are escaped."""
    widths = [round(len(words) * _ADVANCE) + 2 * _PADDING for words in (label, text)]
    total = sum(widths)
    said = html.escape(f"{label}: {text}")
    words = "".join(
        f'<text x="{middle:g}" y="14" textLength="{width - 2 * _PADDING}">{html.escape(part)}</text>'
        for part, width, middle in zip((label, text), widths, (widths[0] / 2, widths[0] + widths[1] / 2), strict=True)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{total}" height="{_HEIGHT}" role="img" aria-label="{said}">'
        f"<title>{said}</title>"
        f'<clipPath id="r"><rect width="{total}" height="{_HEIGHT}" rx="4"/></clipPath>'
        f'<g clip-path="url(#r)"><rect width="{total}" height="{_HEIGHT}" fill="#3d444d"/>'
        f'<rect x="{widths[0]}" width="{widths[1]}" height="{_HEIGHT}" fill="{colour}"/></g>'
        f'<g fill="#fff" text-anchor="middle" font-family="Verdana,DejaVu Sans,sans-serif" font-size="{_SIZE}">'
        f"{words}</g></svg>\n"
    )
