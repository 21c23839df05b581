"""Find the modules of this project that a cell's tests can reach, so that other changes do not run them again.

They are read from import statements, including those inside functions. A module that a test never imports, directly
or through another module, cannot change its result.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from pathlib import Path

# A cell's process starts here too, because pytest loads the plugin in every cell.
ENTRY_POINTS = (
    "rldk_trl",
    "rldk_trl.plugin.hooks",
    "rldk_trl.plugin.fixtures",
    "rldk_trl.plugin.processes",
    "rldk.integrations.trl.utils",
)


def reachable_files(source: Path, tests: Iterable[Path]) -> list[Path]:
    """Return the files under ``source`` (the folder that holds ``rldk`` and ``rldk_trl``) that tests can reach.

    These are only Python files. The data files are made from the matrix and from TRL's wheels and change with every
    new release; unit tests check them against their sources.

    Args:
        source: our source folder.
        tests: test files and folders.

    Raises:
        SyntaxError: one of the files is not Python.
    """
    test_files = [file for test in tests for file in ([test] if test.is_file() else sorted(test.rglob("*.py")))]
    waiting = {module for file in test_files for module in _imports(file)} | set(ENTRY_POINTS)
    reached: set[Path] = set()
    while waiting:
        name = waiting.pop()
        for file in _files_of(source, name):
            if file not in reached:
                reached.add(file)
                waiting |= _imports(file)
    return sorted(reached)


def _imports(file: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"), str(file))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None and node.level == 0:
            found.update({node.module, *(f"{node.module}.{alias.name}" for alias in node.names)})
    return found


def _files_of(source: Path, name: str) -> list[Path]:
    """Return the file of a module and those of its packages; empty if the module is not ours."""
    if name.partition(".")[0] not in ("rldk", "rldk_trl"):
        return []
    files = []
    parts = name.split(".")
    for count in range(1, len(parts) + 1):
        place = source.joinpath(*parts[:count])
        files += [file for file in (place.with_suffix(".py"), place / "__init__.py") if file.is_file()]
    return files
