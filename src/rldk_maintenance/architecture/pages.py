"""docs/architecture.md and its picture, as the code is now."""

from __future__ import annotations

import re
from itertools import chain
from pathlib import Path

from rldk_maintenance.architecture.drawing import draw
from rldk_maintenance.architecture.rooms import read_packages
from rldk_maintenance.errors import MaintenanceError

_BLOCK = re.compile(r"(<!-- architecture: rooms -->\n).*?(<!-- end -->)", re.DOTALL)


def make(root: Path) -> dict[Path, str]:
    """The text of each file that is made.

    Raises:
        MaintenanceError: grimp is not installed, the code breaks the layers, or the page lacks its one block.
    """
    packages, arrows = read_packages(root)
    page = root / "docs" / "architecture.md"
    block = "".join(
        f"{'  ' * (room != package.room)}- `{room.name}`: {room.purpose}\n"
        for package in packages
        for room in (package.room, *chain(*package.rows))
    )
    text, found = _BLOCK.subn(lambda match: f"{match[1]}\n{block}\n{match[2]}", page.read_text(encoding="utf-8"))
    if found != 1:
        raise MaintenanceError(f"architecture.md: holds {found} blocks `<!-- architecture: rooms -->`; it needs one")
    return {root / "docs" / "images" / "architecture.svg": draw(packages, arrows), page: text}
