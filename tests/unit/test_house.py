"""The house: nothing heavy at start, files of one job. Who imports whom is a contract in pyproject.toml."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

SRC = Path(__file__).parents[2] / "src"
HEAVY = {"torch", "transformers", "trl", "datasets", "accelerate", "peft", "tokenizers", "numpy"}
FILES = sorted(SRC.rglob("*.py"))
EACH_FILE = pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(SRC)))


def imports(file: Path) -> set[str]:
    """Modules that a file imports when it is imported, not those that its functions import."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    found: set[str] = set()

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            return
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            return
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):  # none is relative: ruff's TID252
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(tree)
    return found


def test_there_are_files():
    names = {file.relative_to(SRC).as_posix() for file in FILES}
    assert {"rldk/integrations/trl/training/trainer.py", "rldk_trl/plugin/hooks.py"} <= names


@EACH_FILE
def test_nothing_heavy_is_imported_at_start(file):
    assert not {one for one in imports(file) if one.partition(".")[0] in HEAVY}


@EACH_FILE
def test_a_file_has_one_job(file):
    assert len(file.read_text(encoding="utf-8").splitlines()) <= 260


def test_namespace_packages_have_no_init():
    assert not (SRC / "rldk/__init__.py").exists()
    assert not (SRC / "rldk/integrations/__init__.py").exists()
    for package in ("rldk/integrations/trl", "rldk_trl"):
        assert (SRC / package / "py.typed").exists()


LIBRARY = SRC / "rldk/integrations/trl"
OUTSIDE_RELEASES = [file for file in FILES if LIBRARY in file.parents and LIBRARY / "releases" not in file.parents]


@pytest.mark.parametrize("file", OUTSIDE_RELEASES, ids=lambda file: str(file.relative_to(LIBRARY)))
def test_only_releases_reads_trls_code_or_names_a_version(file):
    found = []
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        match node:
            case ast.Name(id="code_of" | "getsource" as name) | ast.Attribute(attr="code_of" | "getsource" as name):
                found.append(f"line {node.lineno}: {name}")
            case ast.alias(name="code_of" | "getsource" as name):
                found.append(f"line {node.lineno}: {name} imported")
            case ast.Call(
                func=ast.Name(id="Version" | "SpecifierSet" as name)
                | ast.Attribute(attr="Version" | "SpecifierSet" as name),
                args=[ast.Constant(), *_],
            ):
                found.append(f"line {node.lineno}: {name} of a literal")
    assert not found
