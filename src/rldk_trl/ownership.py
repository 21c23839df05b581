"""Checks that ``rldk.integrations.trl`` is this project's library: the project rldk has a package of that name."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from pathlib import Path

# In the library's `__init__`, to recognize it without importing it.
MARK = 'DISTRIBUTION = "rldk-trl"'
_PLACE = Path("integrations") / "trl" / "__init__.py"


def require_own_library() -> None:
    """Refuse to go on where another package hides the library. Nothing is imported.

    Raises:
        ImportError: the message says which file is found instead, which distribution has it, and what to do.
    """
    found = _found()
    if found is None or (found.is_file() and MARK in found.read_text(encoding="utf-8")):
        return
    try:
        owner = f"rldk {importlib.metadata.version('rldk')}"
    except importlib.metadata.PackageNotFoundError:
        owner = "another package"
    raise ImportError(
        f"rldk.integrations.trl belongs to {owner} ({found}), which hides the library of rldk-trl: install the two in "
        f"separate environments, or uninstall rldk and reinstall rldk-trl",
        name="rldk.integrations.trl",
    )


def _found() -> Path | None:
    """The file that ``import rldk.integrations.trl`` would run; None where there is no package ``rldk``."""
    spec = importlib.util.find_spec("rldk")
    if spec is None:
        return None
    places = [Path(place) for place in spec.submodule_search_locations or []]
    # A package with an `__init__` ends the search; directories without one are searched in turn.
    for place in places:
        if (place / _PLACE).is_file() or (place / "integrations" / "__init__.py").is_file():
            return place / _PLACE
    return places[0] / _PLACE if spec.origin is not None and places else None
