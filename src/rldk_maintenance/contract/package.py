"""The ``trl`` package inside a wheel, as syntax trees: names, imports and exports, without importing anything."""

from __future__ import annotations

import ast
import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from email.parser import BytesParser
from functools import lru_cache
from pathlib import Path
from typing import cast

from rldk_maintenance.errors import ContractError

_CLASS_LINE = re.compile(rb"^class (\w+)", re.MULTILINE)


@dataclass(frozen=True)
class Found:
    """A class and the module that defines it."""

    module: str
    node: ast.ClassDef


@dataclass(frozen=True)
class Import:
    """A name that a module takes from another one; ``name`` is None where it is a module itself."""

    module: str
    name: str | None
    type_checking: bool


# Consecutive releases share most files; more than these would keep gigabytes of trees.
@lru_cache(maxsize=96)
def _parse(content: bytes, file: str) -> ast.Module:
    return ast.parse(content, file)


class TRLPackage:
    """The Python files of one release.

    Raises:
        ContractError: the content is not a wheel of TRL.
    """

    def __init__(self, wheel: bytes) -> None:
        try:
            self._archive = zipfile.ZipFile(io.BytesIO(wheel))
        except zipfile.BadZipFile as error:
            raise ContractError(f"its wheel is not a zip file ({error})") from None
        self._archive.filename = "trl.whl"  # a zipfile.Path cannot be shown without one
        self._files: dict[str, str] = {}
        for file in self._archive.namelist():
            if file.startswith("trl/") and file.endswith(".py"):
                self._files[file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")] = file
        if "trl" not in self._files:
            raise ContractError("its wheel has no package `trl`")
        self._bindings: dict[str, dict[str, ast.ClassDef | Import]] = {}
        self._lazy_names: dict[str, dict[str, Import]] = {}

    def folder(self) -> Path:
        """The folder ``trl``, for readers of files; it has what they use of a `pathlib.Path`."""
        return cast("Path", zipfile.Path(self._archive, "trl/"))

    def requires_python(self) -> str | None:
        """What the wheel's metadata says."""
        for file in self._archive.namelist():
            if file.endswith(".dist-info/METADATA"):
                value = BytesParser().parsebytes(self._archive.read(file)).get("Requires-Python")
                return None if value is None else str(value)
        return None

    def tree(self, module: str) -> ast.Module:
        """A module's syntax tree.

        Raises:
            SyntaxError: it is not Python.
        """
        file = self._files[module]
        return _parse(self._archive.read(file), file)

    def defining_modules(self, names: frozenset[str]) -> dict[str, list[str]]:
        """Which modules define a class of each of these names at their top level."""
        places: dict[str, list[str]] = {}
        for module, file in sorted(self._files.items()):
            for match in _CLASS_LINE.findall(self._archive.read(file)):
                if (name := match.decode()) in names and isinstance(self.bindings(module).get(name), ast.ClassDef):
                    places.setdefault(name, []).append(module)
        return places

    def bindings(self, module: str) -> dict[str, ast.ClassDef | Import]:
        """What a module's own statements bind: classes and imported names."""
        if module not in self._bindings:
            package = self._files[module].endswith("__init__.py")
            self._bindings[module] = dict(_bindings(self.tree(module).body, module, package))
        return self._bindings[module]

    def resolve(self, module: str, name: str) -> Found | str | None:
        """The class that a name means in a module; a dotted name where another package defines it."""
        seen = set()
        while (module, name) not in seen:
            seen.add((module, name))
            bound = self.bindings(module).get(name) or self._lazy(module).get(name)
            if isinstance(bound, ast.ClassDef):
                return Found(module, bound)
            if bound is None or bound.name is None:
                return None
            if bound.module not in self._files:
                return None if bound.module.startswith("trl.") else f"{bound.module}.{bound.name}"
            module, name = bound.module, bound.name
        return None

    def exported(self, module: str, name: str) -> str | None:
        """The module that defines what ``from module import name`` gives, or None where that fails."""
        if module not in self._files:
            return None
        bound = self.bindings(module).get(name)
        if name not in self._lazy(module) and (bound is None or getattr(bound, "type_checking", False)):
            return None
        found = self.resolve(module, name)
        return found.module if isinstance(found, Found) else None

    def modules(self) -> list[str]:
        """Every module, by its dotted name."""
        return sorted(self._files)

    def gives(self, module: str, name: str) -> bool:
        """Whether ``from module import name`` gives something that TRL defines: a class, a function or a constant."""
        seen = set()
        while module in self._files and (module, name) not in seen:
            seen.add((module, name))
            if name in _defined(self.tree(module).body):
                return True
            bound = self.bindings(module).get(name)
            if not isinstance(bound, Import) or bound.type_checking:
                bound = self._lazy(module).get(name)
            if bound is None or bound.name is None:
                return False
            module, name = bound.module, bound.name
        return False

    def listed(self, module: str) -> set[str]:
        """The public names that a module's statements define or, in a package, import or list as lazy."""
        names = _defined(self.tree(module).body)
        if self._files[module].endswith("__init__.py"):
            names = names | self.bindings(module).keys() | self._lazy(module).keys()
        return {name for name in names if not name.startswith("_")}

    def _lazy(self, module: str) -> dict[str, Import]:
        """The names of a lazy module: TRL lists them in `_import_structure`, partly behind checks for extras."""
        if module not in self._lazy_names:
            self._lazy_names[module] = {
                name: Import(f"{module}.{submodule}", name, type_checking=False)
                for submodule, name in _structure(self.tree(module).body)
            }
        return self._lazy_names[module]


def _defined(body: list[ast.stmt]) -> set[str]:
    """The names of the classes, functions and constants that statements of a module define."""
    names: set[str] = set()
    for node in body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name) and target.id.isupper()}
        elif isinstance(node, ast.If):
            names |= _defined(node.body) | _defined(node.orelse)
        elif isinstance(node, ast.Try):
            names |= _defined(node.body)
    return names


def _structure(body: list[ast.stmt]) -> Iterator[tuple[str, str]]:
    for statement in body:
        for node in ast.walk(statement) if "_import_structure" in ast.dump(statement) else ():
            if isinstance(node, ast.Assign) and _is_structure(node.targets[0]):
                target, value = node.targets[0], node.value
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
                target, value = node.func.value, node.args[0]  # .extend() and .append()
                if not _is_structure(target):
                    continue
            else:
                continue
            if isinstance(value, ast.Dict):
                yield from (
                    (str(key.value), name)
                    for key, names in zip(value.keys, value.values, strict=True)
                    if isinstance(key, ast.Constant)
                    for name in _texts(names)
                )
            elif isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Constant):
                yield from ((str(target.slice.value), name) for name in _texts(value))


def _texts(node: ast.expr) -> list[str]:
    return [n.value for n in ast.walk(node) if isinstance(n, ast.Constant) and isinstance(n.value, str)]


def _is_structure(node: ast.expr) -> bool:
    while isinstance(node, ast.Subscript):
        node = node.value
    return isinstance(node, ast.Name) and node.id == "_import_structure"


def _bindings(
    body: list[ast.stmt], module: str, package: bool, type_checking: bool = False
) -> Iterator[tuple[str, ast.ClassDef | Import]]:
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield node.name, node
        elif isinstance(node, ast.ImportFrom):
            source = _absolute(node, module, package)
            for alias in node.names:
                yield alias.asname or alias.name, Import(source, alias.name, type_checking)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                bound = alias.name if alias.asname else alias.name.partition(".")[0]
                yield alias.asname or bound, Import(bound, None, type_checking)
        elif isinstance(node, ast.If):
            checking = isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
            yield from _bindings(node.body, module, package, type_checking or checking)
            yield from _bindings(node.orelse, module, package, type_checking)
        elif isinstance(node, ast.Try | ast.With):
            for part in ("body", "orelse", "finalbody"):
                yield from _bindings(getattr(node, part, []), module, package, type_checking)


def _absolute(node: ast.ImportFrom, module: str, package: bool) -> str:
    if not node.level:
        return node.module or ""
    parts = module.split(".")
    parts = parts[: len(parts) - node.level + (1 if package else 0)]
    return ".".join(parts + ([node.module] if node.module else []))
