"""The house: one arrow from plugin to library, no cycle, nothing heavy at start, files of one job."""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

SRC = Path(__file__).parents[2] / "src"
HEAVY = {"torch", "transformers", "trl", "datasets", "accelerate", "peft", "tokenizers", "numpy"}
FILES = sorted(SRC.rglob("*.py"))


def module_name(file: Path) -> str:
    parts = file.relative_to(SRC).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(file): file for file in FILES}


def imports(file: Path, *, everywhere: bool) -> set[str]:
    """Modules that a file imports when it is imported, or, with ``everywhere``, also inside its functions."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    found: set[str] = set()

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) and not everywhere:
            return
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            return
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(tree)
    return found


def known(name: str) -> str | None:
    """The module of ours that an imported name belongs to."""
    while name:
        if name in MODULES:
            return name
        name = name.rpartition(".")[0]
    return None


def test_there_are_modules():
    assert {"rldk.integrations.trl.training.trainer", "rldk_trl.plugin.hooks"} <= MODULES.keys()


def test_no_import_cycle():
    graph = {
        name: {target for imported in imports(file, everywhere=True) if (target := known(imported))} - {name}
        for name, file in MODULES.items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"import cycle: {' -> '.join(error.args[1])}", pytrace=False)


@pytest.mark.parametrize("name", sorted(name for name in MODULES if name.startswith("rldk.")))
def test_the_library_knows_nothing_of_the_plugin(name):
    strangers = {"rldk_trl", "pytest", "nox", "tomllib"}
    assert not {one for one in imports(MODULES[name], everywhere=True) if one.partition(".")[0] in strangers}


@pytest.mark.parametrize("name", sorted(MODULES))
def test_nothing_heavy_is_imported_at_start(name):
    assert not {one for one in imports(MODULES[name], everywhere=False) if one.partition(".")[0] in HEAVY}


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(SRC)))
def test_a_file_has_one_job(file):
    assert len(file.read_text(encoding="utf-8").splitlines()) <= 260


def test_namespace_packages_have_no_init():
    assert not (SRC / "rldk/__init__.py").exists()
    assert not (SRC / "rldk/integrations/__init__.py").exists()
    for package in ("rldk/integrations/trl", "rldk_trl"):
        assert (SRC / package / "py.typed").exists()
