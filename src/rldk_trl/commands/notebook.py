"""The Python code of a Jupyter notebook, and the cell of each of its lines."""

from __future__ import annotations

import ast
import json
import re
from dataclasses import dataclass
from typing import Any

# `!pip install trl`, `%matplotlib inline`, `PPOTrainer?`, and the same as the value of a name.
_NOT_PYTHON = re.compile(r"(?P<indent>\s*)(?:[\w.,\s]+=\s*)?(?:[!%]|\?).*|(?P<asked>\s*)[\w.]+\?{1,2}\s*")
# Of these magics the rest of the cell is Python.
_PYTHON_CELLS = ("%%time", "%%timeit", "%%capture", "%%prun", "%%python", "%%python3")


@dataclass(frozen=True)
class Notebook:
    """A notebook's code as one program."""

    code: str
    places: tuple[tuple[int, int], ...]
    """For each line of the code: its cell, counted over all cells, and its line in that cell, both from 1."""


def read_notebook(text: str) -> Notebook:
    """Read the code cells of a notebook. Magics and shell lines become ``pass``.

    Raises:
        ValueError: The text is not a notebook of nbformat 4.
    """
    content = json.loads(text)
    cells = content.get("cells") if isinstance(content, dict) else None
    if not isinstance(cells, list):
        raise ValueError("no list `cells`: save it as nbformat 4")
    lines, places = [], []
    for number, cell in enumerate(cells, start=1):
        code = _python_of(cell)
        lines += code
        places += [(number, line) for line in range(1, len(code) + 1)]
    return Notebook("\n".join(lines), tuple(places))


def _python_of(cell: Any) -> list[str]:
    source = cell.get("source", "") if isinstance(cell, dict) and cell.get("cell_type") == "code" else ""
    code: list[str] = "".join(source).splitlines()
    first = code[0].split() if code else []
    if first and first[0].startswith("%%"):
        return ["pass", *_python(code[1:])] if first[0] in _PYTHON_CELLS else []
    return _python(code)


def _python(code: list[str]) -> list[str]:
    try:
        ast.parse("\n".join(code))
    except (SyntaxError, ValueError):
        return _without_magics(code)
    return code  # `% total` may be the rest of an expression


def _without_magics(code: list[str]) -> list[str]:
    kept, goes_on = [], False
    for line in code:
        found = _NOT_PYTHON.fullmatch(line)
        if goes_on or found:
            indent = (found["indent"] or found["asked"] or "") if found else ""
            kept.append("" if goes_on else f"{indent}pass")
            goes_on = line.endswith("\\")
        else:
            kept.append(line)
    return kept
