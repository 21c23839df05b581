"""Read what a program uses of TRL, from its syntax tree."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from rldk.integrations.trl.advice.porting.bindings import PARSERS, Scope, dotted, scopes
from rldk.integrations.trl.advice.porting.uses import (
    CONFIGS,
    TRAINERS,
    VALUE_HEADS,
    Argument,
    Attribute,
    Construction,
    Import,
    Program,
    Unseen,
    Use,
)

_CATCHES_IMPORT_ERROR = frozenset({"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})
_ASKS_FOR_A_TYPE = frozenset({"isinstance", "issubclass", "cast"})
_CHANGES_A_DICT = frozenset({"update", "pop", "setdefault", "clear", "popitem"})


def read_program(source: str, file: str = "<program>") -> Program:
    """Read a program's text.

    Raises:
        SyntaxError: It is not valid Python.
    """
    reader = _Reader(ast.parse(source, file))
    uses = sorted(reader.uses(), key=lambda use: use.line)
    return Program(
        imports=tuple(use for use in uses if isinstance(use, Import)),
        constructions=tuple(use for use in uses if isinstance(use, Construction)),
        attributes=tuple(use for use in uses if isinstance(use, Attribute)),
        unseen=tuple(use for use in uses if isinstance(use, Unseen)),
    )


class _Reader:
    def __init__(self, tree: ast.Module) -> None:
        self._scopes = scopes(tree)
        self._parents = {child: node for node in self._scopes for child in ast.iter_child_nodes(node)}
        self._changed_dicts = {
            (self._scopes[node], path) for node in self._scopes if (path := _changed_dict(node)) is not None
        }

    def uses(self) -> Iterator[Use]:
        """Yield every use."""
        for node, scope in self._scopes.items():
            if isinstance(node, ast.Import | ast.ImportFrom):
                yield from self._import(node)
            elif isinstance(node, ast.Call):
                yield from self._call(node, scope)
            elif isinstance(node, ast.Attribute):
                yield from self._attribute(node, scope)
            elif isinstance(node, ast.ClassDef):
                yield from self._class(node, scope)
            if isinstance(node, ast.Name | ast.Attribute):
                yield from self._passed_on(node, scope)

    def _import(self, node: ast.Import | ast.ImportFrom) -> Iterator[Use]:
        attempt, types_only = self._attempt(node), self._types_only(node)
        for alias in node.names:
            if isinstance(node, ast.Import):
                if alias.name.partition(".")[0] == "trl":
                    yield Import(node.lineno, alias.name, None, alias.asname or "trl", attempt, types_only)
            elif not node.level and (node.module or "").partition(".")[0] == "trl":
                assert node.module is not None
                if alias.name == "*":
                    yield Unseen(node.lineno, f"`from {node.module} import *`: name what the program uses")
                else:
                    yield Import(
                        alias.lineno, node.module, alias.name, alias.asname or alias.name, attempt, types_only
                    )

    def _ancestors(self, node: ast.AST) -> Iterator[tuple[ast.AST, ast.AST]]:
        while node in self._parents:
            yield self._parents[node], node
            node = self._parents[node]

    def _attempt(self, node: ast.AST) -> int | None:
        for parent, child in self._ancestors(node):
            if isinstance(parent, ast.Try) and (child in parent.body or isinstance(child, ast.ExceptHandler)):
                caught = {
                    dotted(each) for handler in parent.handlers for each in _each(handler.type) if each is not None
                }
                if caught & _CATCHES_IMPORT_ERROR or any(handler.type is None for handler in parent.handlers):
                    return parent.lineno
        return None

    def _types_only(self, node: ast.AST) -> bool:
        return any(
            isinstance(parent, ast.If) and (dotted(parent.test) or "").endswith("TYPE_CHECKING")
            for parent, child in self._ancestors(node)
            if child is not getattr(parent, "orelse", None)
        )

    def _call(self, node: ast.Call, scope: Scope) -> Iterator[Use]:
        callee = scope.thing(node.func)
        if callee.sort == "member" and callee.name in (*CONFIGS, *TRAINERS, *VALUE_HEADS):
            yield from self._construction(node, callee.name, node.args, scope)
        elif isinstance(node.func, ast.Attribute):
            yield from self._method(node, node.func, scope)
        name = dotted(node.func) or ""
        if name.rpartition(".")[2] in PARSERS:
            for parsed in scope.thing(node).parsed:
                if parsed.name in CONFIGS:
                    text = f"the options of {parsed.name} come from the command line or a file"
                    yield Unseen(node.lineno, f"{text}: check the options that you pass there")
        elif name in ("importlib.import_module", "import_module", "__import__") and _starts_with_trl(node.args[:1]):
            yield Unseen(node.lineno, f"`{ast.unparse(node)}`: import the module with an import statement")

    def _method(self, node: ast.Call, function: ast.Attribute, scope: Scope) -> Iterator[Use]:
        base = scope.thing(function.value)
        if function.attr == "from_pretrained" and base.sort == "member" and base.name in VALUE_HEADS:
            yield from self._construction(node, base.name, node.args, scope)
        elif function.attr == "__init__" and base.sort == "member" and base.name in TRAINERS:
            yield from self._construction(node, base.name, node.args[1:], scope)
        elif function.attr == "__init__" and ast.unparse(function.value).startswith("super("):
            extended = self._trainer_class(node)
            if extended is not None:
                yield from self._construction(node, extended, node.args, scope)

    def _trainer_class(self, node: ast.AST) -> str | None:
        """The trainer of TRL that the class around a node extends first."""
        for parent, _ in self._ancestors(node):
            if isinstance(parent, ast.ClassDef):
                first = self._scopes[parent].thing(parent.bases[0]) if parent.bases else None
                return first.name if first and first.sort == "member" and first.name in TRAINERS else None
        return None

    def _construction(self, node: ast.Call, name: str, args: list[ast.expr], scope: Scope) -> Iterator[Use]:
        keywords, hidden = self._keywords(node, scope)
        starred = [each for each in args if isinstance(each, ast.Starred)]
        for each in [*starred, *hidden]:
            yield Unseen(each.lineno, f"arguments of {name} come from `{ast.unparse(each)}`, which cannot be seen")
        positional = [] if starred else [Argument(each.lineno, each) for each in args]
        yield Construction(node.lineno, name, tuple(positional), keywords, complete=not (starred or hidden))

    def _keywords(self, node: ast.Call, scope: Scope) -> tuple[dict[str, Argument], list[ast.expr]]:
        found: dict[str, Argument] = {}
        hidden: list[ast.expr] = []
        for keyword in node.keywords:
            if keyword.arg is not None:
                found[keyword.arg] = Argument(keyword.lineno, keyword.value)
                continue
            literal = scope.thing(keyword.value).node
            keys = literal.keys if isinstance(literal, ast.Dict) else []
            seen = literal is not None and all(isinstance(key, ast.Constant) for key in keys)
            path = dotted(keyword.value)
            if not seen or (path is not None and (scope, path) in self._changed_dicts):
                hidden.append(keyword.value)
            if seen and isinstance(literal, ast.Dict):
                for key, value in zip(keys, literal.values, strict=True):
                    if isinstance(key, ast.Constant):
                        line = key.lineno if hasattr(key, "lineno") else value.lineno
                        found[str(key.value)] = Argument(line, value)
        return found, hidden

    def _attribute(self, node: ast.Attribute, scope: Scope) -> Iterator[Use]:
        base = scope.thing(node.value)
        parent = self._parents.get(node)
        is_last = not isinstance(parent, ast.Attribute) or scope.thing(node).sort == "member"
        if base.sort == "module" and is_last:
            yield Import(node.lineno, base.name, node.attr)
        elif base.sort == "object" and not self._is_own(node, scope):
            called = parent if isinstance(parent, ast.Call) and parent.func is node else None
            value = parent.value if isinstance(parent, ast.Assign) and node in parent.targets else None
            yield Attribute(
                node.end_lineno or node.lineno,
                base.name,
                node.attr,
                ast.unparse(node.value),
                inherits_more=dotted(node.value) == "self" and self._inherits_more(node),
                keywords=None if called is None else self._keywords(called, scope)[0],
                set_to=None if value is None else Argument(node.lineno, value),
                then=parent.attr if isinstance(parent, ast.Attribute) else None,
            )

    def _inherits_more(self, node: ast.AST) -> bool:
        around = (parent for parent, _ in self._ancestors(node) if isinstance(parent, ast.ClassDef))
        return any(len(parent.bases) > 1 for parent in around)

    def _is_own(self, node: ast.Attribute, scope: Scope) -> bool:
        """Whether a subclass of the trainer sets or defines the attribute itself."""
        if dotted(node.value) != "self":
            return False
        home = scope.home(f"self.{node.attr}")
        return f"self.{node.attr}" in home.bound or node.attr in home.bound

    def _class(self, node: ast.ClassDef, scope: Scope) -> Iterator[Use]:
        for base in node.bases:
            thing = scope.thing(base)
            if thing.sort == "member" and thing.name in (*TRAINERS, *CONFIGS):
                text = f"class {node.name} extends {thing.name}: compare each method that it overrides"
                yield Unseen(node.lineno, text)

    def _passed_on(self, node: ast.Name | ast.Attribute, scope: Scope) -> Iterator[Use]:
        thing = scope.thing(node)
        parent = self._parents.get(node)
        if thing.sort == "ambiguous" and isinstance(node.ctx, ast.Load) and isinstance(parent, ast.Attribute):
            text = f"`{ast.unparse(node)}` has several values, so what the program does with it is not checked"
            yield Unseen(node.lineno, text)
        called = parent if isinstance(parent, ast.Call | ast.keyword) else None
        if called is None or thing.sort != "member" or thing.name not in (*CONFIGS, *TRAINERS):
            return
        function = getattr(called, "func", None)
        if (
            function is not node
            and (dotted(function) if function is not None else "") not in _ASKS_FOR_A_TYPE | PARSERS
        ):
            yield Unseen(node.lineno, f"{thing.name} itself is passed on, so calls of it there are not checked")


def _each(node: ast.expr | None) -> list[ast.expr | None]:
    return list(node.elts) if isinstance(node, ast.Tuple) else [node]


def _starts_with_trl(args: list[ast.expr]) -> bool:
    return any(isinstance(each, ast.Constant) and str(each.value).partition(".")[0] == "trl" for each in args)


def _changed_dict(node: ast.AST) -> str | None:
    """The name of a dict that a node changes, so that its literal does not show all of it."""
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del):
        return dotted(node.value)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _CHANGES_A_DICT:
        return dotted(node.func.value)
    return None
