"""The packages and their rooms, in the layers of the contract in pyproject.toml, and the imports between them."""

from __future__ import annotations

import ast
import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from rldk_maintenance.errors import MaintenanceError

Arrows = Counter[tuple[str, str]]
"""(Importing, imported) -> how many files of the one import a file of the other, each pair of files once."""


class Room(NamedTuple):
    """A package, or a file that is in none of its package's rooms."""

    name: str
    lines: int
    purpose: str  # the first line of its docstring


class Package(NamedTuple):
    """A package at the top and its rooms, from top to bottom."""

    room: Room
    rows: Sequence[Sequence[Room]]
    arrows: Arrows


def read_packages(root: Path) -> tuple[list[Package], Arrows]:
    """The packages of a source checkout from top to bottom, and the imports between them."""
    try:
        import grimp
    except ImportError:
        raise MaintenanceError("architecture: grimp is not installed; run `nox -s docs`, which installs it") from None
    contracts = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    layers = {one.get("containers", [""])[0]: one["layers"] for one in contracts if one["type"] == "layers"}
    names = layers[""]
    graph = grimp.build_graph(*names, exclude_type_checking_imports=True, cache_dir=None)
    imports = [(by, of) for by in graph.modules for of in graph.find_modules_directly_imported_by(by)]
    packages = []
    for name in names:
        split = [re.split(r"\s*[|:]\s*", row) for row in layers[name]]
        rows = [[f"{name}.{room}" for room in row if room != "__main__"] for row in split]
        arrows = _between([room for row in rows for room in row], imports)
        drawn = set().union(*arrows)  # a file that only gives other names to a package's own has no arrow
        read = [[_room(root, room) for room in row if room in drawn] for row in rows]
        packages.append(Package(_room(root, name), [row for row in read if row], arrows))
    return packages, _between(names, imports)


def _between(names: Sequence[str], imports: Iterable[tuple[str, str]]) -> Arrows:
    ends = [[next((n for n in names if f"{end}.".startswith(f"{n}.")), None) for end in pair] for pair in imports]
    return Counter((by, of) for by, of in ends if by and of and by != of)


def _room(root: Path, name: str) -> Room:
    place = root.joinpath("src", *name.split("."))
    texts = [file.read_text("utf-8") for file in sorted(place.rglob("*.py")) or [place.with_suffix(".py")]]
    docstring = ast.get_docstring(ast.parse(texts[0])) or ""  # `__init__.py` comes first
    return Room(name, sum(len(text.splitlines()) for text in texts), docstring.partition("\n")[0])
