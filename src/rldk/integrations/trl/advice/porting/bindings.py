"""What the names of a program stand for: TRL's modules and classes, and objects made from them.

A name counts as bound to one thing for its whole scope. If a scope binds it to different things, it is `AMBIGUOUS`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from rldk.integrations.trl.advice.porting.uses import CONFIGS, TRAINERS

PARSERS = frozenset({"HfArgumentParser", "TrlParser"})


@dataclass(frozen=True)
class Thing:
    """A module of TRL, a member of one, an object of a class of TRL, a literal dict, or a parser of configs."""

    sort: Literal["module", "member", "object", "dict", "parser", "other", "ambiguous"]
    name: str = ""
    module: str = field(default="", compare=False)
    node: ast.expr | None = field(default=None, compare=False)
    parsed: tuple[Thing, ...] = ()


OTHER = Thing("other")
AMBIGUOUS = Thing("ambiguous")


class Scope:
    """A module, class or function, and what it binds."""

    def __init__(self, node: ast.AST, parent: Scope | None) -> None:
        self.node = node
        self.parent = parent
        self.bound: dict[str, list[Thing | tuple[ast.expr, int | None]]] = {}
        self._resolving: set[str] = set()

    def bind(self, path: str, to: Thing | tuple[ast.expr, int | None]) -> None:
        """Bind a name, or a path such as ``self.trainer``, to a thing or to a value's part."""
        self.home(path).bound.setdefault(path, []).append(to)

    def home(self, path: str) -> Scope:
        """The scope that holds a path: the nearest class for ``self.x``, else this one."""
        scope: Scope | None = self
        while path.startswith("self.") and scope is not None:
            if isinstance(scope.node, ast.ClassDef):
                return scope
            scope = scope.parent
        return self

    def find(self, path: str) -> Thing:
        """Return what a path stands for here."""
        scope: Scope | None = self.home(path)
        while scope is not None:
            if path in scope.bound and (scope is self or not isinstance(scope.node, ast.ClassDef) or "." in path):
                return scope._resolved(path)
            scope = scope.parent
        return OTHER

    def _resolved(self, path: str) -> Thing:
        if path in self._resolving:  # x = x.to(device)
            return OTHER
        self._resolving.add(path)
        found = {self._of(bound) for bound in self.bound[path]} if path in self.bound else set()
        self._resolving.discard(path)
        if len(found) == 1:
            return found.pop()
        # A name that is None at first, or where an import fails, has only one other value.
        known = {thing for thing in found if thing != Thing("other", "None")}
        if len(known) == 1:
            return known.pop()
        return AMBIGUOUS if any(thing.sort not in ("other", "dict") for thing in known) else OTHER

    def _of(self, bound: Thing | tuple[ast.expr, int | None]) -> Thing:
        if isinstance(bound, Thing):
            return bound
        value, part = bound
        if part is None:
            return self.thing(value)
        if isinstance(value, ast.Tuple) and part < len(value.elts):
            return self.thing(value.elts[part])
        parsed = self.thing(value).parsed
        return parsed[part] if part < len(parsed) else OTHER

    def thing(self, node: ast.expr | None) -> Thing:  # noqa: PLR0911 (one for each kind of expression)
        """Return what an expression stands for."""
        match node:
            case ast.Name():
                return self.find(node.id)
            case ast.Constant(value=None):
                return Thing("other", "None")
            case ast.Dict():
                return Thing("dict", node=node)
            case ast.IfExp():
                first, second = self.thing(node.body), self.thing(node.orelse)
                return first if first.sort != "other" else second
            case ast.Attribute():
                return self._attribute(node)
            case ast.Call():
                return self._call(node)
        return OTHER

    def _attribute(self, node: ast.Attribute) -> Thing:
        base = self.thing(node.value)
        if base.sort == "module":
            inner = f"{base.name}.{node.attr}"
            # TRL's modules have lower-case names. That one of its functions is not a module shows where it is called.
            return Thing("member", node.attr, base.name) if node.attr != node.attr.lower() else Thing("module", inner)
        path = dotted(node)
        found = self.find(path) if path is not None and path.startswith("self.") else OTHER
        if found == OTHER and base.sort == "object" and base.name in TRAINERS and node.attr in ("args", "config"):
            bound = path is not None and path in self.home(path).bound
            return OTHER if bound else Thing("object", base.name.replace("Trainer", "Config"))
        return found

    def _call(self, node: ast.Call) -> Thing:
        callee = self.thing(node.func)
        if callee.sort == "member" and callee.name in (*CONFIGS, *TRAINERS):
            return Thing("object", callee.name)
        if isinstance(node.func, ast.Name) and node.func.id == "dict" and not node.args:
            keys: list[ast.expr | None] = [
                None if keyword.arg is None else ast.Constant(keyword.arg) for keyword in node.keywords
            ]
            return Thing("dict", node=ast.Dict(keys=keys, values=[keyword.value for keyword in node.keywords]))
        name = dotted(node.func) or ""
        if name.rpartition(".")[2] in PARSERS and node.args:
            classes = node.args[0].elts if isinstance(node.args[0], ast.Tuple | ast.List) else [node.args[0]]
            objects = [self.thing(each) for each in classes]
            made = tuple(Thing("object", each.name) if each.sort == "member" else OTHER for each in objects)
            return Thing("parser", parsed=made)
        if isinstance(node.func, ast.Attribute) and node.func.attr.startswith("parse_"):
            return Thing("other", "parsed", parsed=self.thing(node.func.value).parsed)
        return OTHER


def dotted(node: ast.expr) -> str | None:
    """Return ``a.b.c`` as text, or None for any other expression."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        base = dotted(node.value)
        return None if base is None else f"{base}.{node.attr}"
    return None


def scopes(tree: ast.Module) -> dict[ast.AST, Scope]:
    """Return the scope of each node of a program, with everything bound."""
    found: dict[ast.AST, Scope] = {}
    _enter(tree, Scope(tree, None), found)
    return found


def _enter(node: ast.AST, scope: Scope, found: dict[ast.AST, Scope]) -> None:
    found[node] = scope
    _bind(node, scope)
    inner = scope
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
        inner = Scope(node, scope)
        if not isinstance(node, ast.ClassDef):
            _bind_parameters(node, inner)
    for child in ast.iter_child_nodes(node):
        _enter(child, inner, found)


def _bind(node: ast.AST, scope: Scope) -> None:
    if isinstance(node, ast.Import | ast.ImportFrom):
        for name, thing in _imported(node):
            scope.bind(name, thing)
    elif isinstance(node, ast.Assign):
        for target in node.targets:
            _bind_target(target, node.value, scope)
    elif isinstance(node, ast.AnnAssign | ast.NamedExpr) and node.value is not None:
        _bind_target(node.target, node.value, scope)
    elif isinstance(node, ast.For | ast.AsyncFor | ast.comprehension):
        _bind_target(node.target, None, scope)
    elif isinstance(node, ast.withitem) and node.optional_vars is not None:
        _bind_target(node.optional_vars, None, scope)
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        scope.bind(node.name, OTHER)


def _bind_target(target: ast.expr, value: ast.expr | None, scope: Scope) -> None:
    if isinstance(target, ast.Tuple | ast.List):
        for place, element in enumerate(target.elts):
            path = dotted(element)
            if path is not None:
                scope.bind(path, OTHER if value is None else (value, place))
        return
    path = dotted(target)
    if path is not None:
        scope.bind(path, OTHER if value is None else (value, None))


def _bind_parameters(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda, inner: Scope) -> None:
    arguments = node.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
    for parameter in every:
        if parameter is None:
            continue
        owner = inner.parent.node if inner.parent is not None else None
        if isinstance(owner, ast.ClassDef) and arguments.args[:1] == [parameter]:
            assert inner.parent is not None
            bases = [inner.parent.thing(base) for base in owner.bases]
            made = [Thing("object", base.name) for base in bases if base.sort == "member" and base.name in TRAINERS]
            inner.bind(parameter.arg, made[0] if made else OTHER)
        else:
            inner.bind(parameter.arg, _annotated(parameter.annotation, inner))


def _annotated(annotation: ast.expr | None, scope: Scope) -> Thing:
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        name = annotation.value.rpartition(".")[2]
        return Thing("object", name) if name in (*CONFIGS, *TRAINERS) else OTHER
    thing = scope.thing(annotation)
    return Thing("object", thing.name) if thing.sort == "member" and thing.name in (*CONFIGS, *TRAINERS) else OTHER


def _imported(node: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, Thing]]:
    for alias in node.names:
        if isinstance(node, ast.Import):
            root = alias.name.partition(".")[0]
            ours = root == "trl"
            yield alias.asname or root, Thing("module", alias.name if alias.asname else root) if ours else OTHER
        else:
            module = node.module or ""
            ours = not node.level and module.partition(".")[0] == "trl"
            if ours and alias.name == alias.name.lower():
                # `from trl import core`, or a function: `places` says which.
                yield alias.asname or alias.name, Thing("module", f"{module}.{alias.name}", module)
            else:
                yield alias.asname or alias.name, Thing("member", alias.name, module) if ours else OTHER
