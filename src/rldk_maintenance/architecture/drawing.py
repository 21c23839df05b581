"""The picture as SVG: boxes in layers, and arrows from a room to those that it imports."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from rldk_maintenance.architecture.rooms import Arrows, Package, Room
from rldk_maintenance.architecture.ways import Box, find_ways

# Narrow, so that it can be read on a phone.
_WIDTH, _MARGIN, _PANEL, _BETWEEN, _BOX, _COLOURS = 480, 8, 436, 62, (118, 46), 7
_STYLE = """\
<style>
svg { background: var(--page);
--page: #ffffff; --panel: #f3f5f8; --box: #ffffff; --edge: #c3cad5; --text: #1b2430; --quiet: #566173;
--c0: #1d4ed8; --c1: #b45309; --c2: #15803d; --c3: #7c3aed; --c4: #be185d; --c5: #0e7490; --c6: #854d0e; }
@media (prefers-color-scheme: dark) {
svg { --page: #0d1117; --panel: #161c26; --box: #212a37; --edge: #3d4858; --text: #e8edf4; --quiet: #a3afc0;
--c0: #84adff; --c1: #f7a654; --c2: #5fd38a; --c3: #bea0ff; --c4: #f58ac0; --c5: #56cfe1; --c6: #d9b45b; } }
text { font-family: system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; fill: var(--text); }
.name { font-size: 14px; font-weight: 600; }
.lines { font-size: 12px; fill: var(--quiet); }
.count { font-size: 11px; font-weight: 600; stroke-width: 4px; stroke-linejoin: round; paint-order: stroke; }
</style>"""


def draw(packages: Sequence[Package], arrows: Arrows) -> str:
    """The whole picture; the same rooms and arrows give the same text."""
    panels: list[Box] = []
    inside: list[str] = []
    top = _MARGIN
    for package in packages:
        boxes = [
            Box(room, row, _MARGIN + _PANEL * (n + 0.5) / len(rooms), top + 40 + row * (_BOX[1] + _BETWEEN), *_BOX)
            for row, rooms in enumerate(package.rows)
            for n, room in enumerate(rooms)
        ]
        height = int(boxes[-1].y) + _BOX[1] + 14 - top
        panels.append(Box(package.room, len(panels), _MARGIN + _PANEL / 2, top, _PANEL, height))
        inside += [
            _rect(panels[-1], "panel", "edge"),
            _text("name", _MARGIN + 14, top + 25, package.room.name, "start"),
            _text("lines", _MARGIN + _PANEL - 14, top + 25, _lines(package.room), "end"),
            *_arrows(boxes, package.arrows, "panel"),
        ]
        for number, box in enumerate(boxes):
            inside.append(_rect(box, "box", f"c{number % _COLOURS}"))
            inside.append(_text("name", box.middle, box.y + 20, box.room.name.rpartition(".")[2]))
            inside.append(_text("lines", box.middle, box.y + 37, _lines(box.room)))
        top += height + _BETWEEN
    height = top - _BETWEEN + _MARGIN
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}">',
            _STYLE,
            *_arrows(panels, arrows, "page"),
            *inside,
            "</svg>\n",
        ]
    )


def _arrows(boxes: Sequence[Box], arrows: Arrows, ground: str) -> Iterator[str]:
    for (by, of), way in find_ways(boxes, arrows, _WIDTH).items():
        y = bottom = by.y + by.height
        path = f"M{way[0]:.1f} {y:g}"
        for row, (left, right) in enumerate(pairwise(way), by.row + 1):
            passed = next(box for box in boxes if box.row == row)
            half, end = (y + passed.y) / 2, passed.y - 7 * (row == of.row)  # the head of the arrow is 9 long
            path += f"C{left:.1f} {half:g} {right:.1f} {half:g} {right:.1f} {end:g}"
            y = passed.y + passed.height
            path += f"V{y:g}" if row < of.row else ""
        colour, count = f"c{boxes.index(by) % _COLOURS}", arrows[by.room.name, of.room.name]
        yield f'<path d="{path}" fill="none" stroke="var(--{colour})" stroke-width="{1 + min(count, 12) / 5:g}"/>'
        yield f'<path d="M{way[-1]:.1f} {of.y:g}l-4.5 -9h9z" fill="var(--{colour})"/>'
        yield _text("count", way[0], bottom + 16, count, style=f"fill: var(--{colour}); stroke: var(--{ground})")


def _rect(box: Box, fill: str, edge: str) -> str:
    return (
        f'<rect x="{box.middle - box.width / 2:.1f}" y="{box.y:g}" width="{box.width:g}" height="{box.height:g}" '
        f'rx="6" fill="var(--{fill})" stroke="var(--{edge})" stroke-width="1.5"/>'
    )


def _text(kind: str, x: float, y: float, text: object, anchor: str = "middle", style: str = "") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:g}" text-anchor="{anchor}" style="{style}">{text}</text>'


def _lines(room: Room) -> str:
    """To the nearest hundred, so that few edits change the picture."""
    return f"{hundreds:,} lines" if (hundreds := (room.lines + 50) // 100 * 100) else "under 50 lines"
