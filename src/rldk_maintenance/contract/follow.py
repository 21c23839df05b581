"""Follows models through one function's statements and expressions, for `rldk_maintenance.contract.reads`."""

from __future__ import annotations

import ast

from rldk_maintenance.contract.classes import method
from rldk_maintenance.contract.notes import (
    BACKBONE,
    NOTHING,
    Instance,
    Model,
    Notes,
    Result,
    Values,
    bind,
    flat,
    merge,
)
from rldk_maintenance.contract.package import Found, TRLPackage

# Calls that give the same model back; accelerate's `prepare` gives all of its arguments back.
_SAME_MODEL = frozenset(["to", "eval", "train", "merge_and_unload"])
_COPIES = frozenset(["deepcopy", "get_peft_model", "unwrap_model"])
_WITH_DEFAULT = 3


def run(package: TRLPackage, notes: Notes, module: str, function: ast.FunctionDef, given: dict[str, Values]) -> Result:
    """Follow a function from the values of its parameters; returns what it returns or yields."""
    call = (module, function.lineno, frozenset(given.items()))
    if call in notes.running:
        return NOTHING
    trainer = next(iter(notes.classes))
    owner = next((value.name for value in given.get("self", NOTHING) if isinstance(value, Instance)), trainer)
    where = function.name if owner == trainer else f"{owner}.{function.name}"
    notes.running.append(call)
    try:
        return _Follower(package, notes, module, where, dict(given)).body(function.body)
    finally:
        notes.running.pop()


class _Follower:
    """One function being followed: its variables, and what it returns or yields."""

    def __init__(
        self, package: TRLPackage, notes: Notes, module: str, where: str, variables: dict[str, Values]
    ) -> None:
        self._package = package
        self._notes = notes
        self._module = module
        self._where = where
        self._variables = variables
        self._results: list[Result] = []

    def body(self, statements: list[ast.stmt]) -> Result:
        """Follow a function's body; returns what it returns or yields."""
        self._statements(statements)
        return merge(self._results)

    def _statements(self, statements: list[ast.stmt]) -> None:
        for node in statements:
            self._statement(node)

    def _statement(self, node: ast.stmt) -> None:
        match node:
            case ast.Assign():
                value = self._value(node.value)
                for target in node.targets:
                    self._assign(target, value)
            case ast.AnnAssign(value=ast.expr() as given):
                self._assign(node.target, self._value(given))
            case ast.For():
                self._assign(node.target, flat(self._value(node.iter)))
            case ast.With():
                for item in node.items:
                    self._assign(item.optional_vars, self._value(item.context_expr))
            case ast.Return(value=ast.expr() as given):
                self._results.append(self._value(given))
            case _:
                for child in ast.iter_child_nodes(node):
                    if isinstance(child, ast.expr):
                        self._value(child)
        # Every branch and loop is taken once; a function defined inside is followed where it stands.
        for part in ("body", "orelse", "finalbody"):
            self._statements(getattr(node, part, []))
        for handler in getattr(node, "handlers", []):
            self._statements(handler.body)

    def _assign(self, target: ast.expr | None, value: Result) -> None:
        if isinstance(target, ast.Tuple | ast.List):
            parts = value if isinstance(value, tuple) and len(value) == len(target.elts) else None
            for index, element in enumerate(target.elts):
                self._assign(element, parts[index] if parts else NOTHING)
        elif isinstance(target, ast.Name):
            self._variables[target.id] = self._variables.get(target.id, NOTHING) | flat(value)
        elif isinstance(target, ast.Attribute):  # writing an attribute of a model is no read
            for owner in flat(self._value(target.value)):
                if isinstance(owner, Instance):
                    self._notes.assign_field(owner, target.attr, flat(value))

    def _value(self, node: ast.expr) -> Result:
        match node:
            case ast.Name():
                return self._variables.get(node.id, NOTHING)
            case ast.Attribute():
                return self._read(flat(self._value(node.value)), node.attr)
            case ast.Call():
                return self._call(node)
            case ast.Tuple() | ast.List():
                return tuple(flat(self._value(element)) for element in node.elts)
        return self._compound(node)

    def _compound(self, node: ast.expr) -> Result:
        match node:
            case ast.IfExp():
                self._value(node.test)
                return merge([self._value(node.body), self._value(node.orelse)])
            case ast.BoolOp():
                return merge([self._value(value) for value in node.values])
            case ast.NamedExpr():
                value = self._value(node.value)
                self._assign(node.target, value)
                return value
            case ast.Yield(value=ast.expr() as given):
                self._results.append(self._value(given))
            case _:
                for child in ast.iter_child_nodes(node):
                    if isinstance(child, ast.comprehension):
                        self._assign(child.target, flat(self._value(child.iter)))
                    elif isinstance(child, ast.expr):
                        self._value(child)
        return NOTHING

    def _read(self, owners: Values, name: str, *, calling: bool = False, optional: bool = False) -> Values:
        held = [self._notes.fields(owner, name) for owner in owners if isinstance(owner, Instance)]
        found = [values for values in held if values is not None]
        if found:  # one of TRL's own objects has it, so it is not read from a model that the name may also hold
            return NOTHING.union(*found)
        for owner in owners:
            if isinstance(owner, Model):
                self._notes.read(owner, f"{name}()" if calling else name, self._where, optional)
        return NOTHING

    def _call(self, node: ast.Call) -> Result:
        arguments = [flat(self._value(argument)) for argument in node.args]
        arguments += [flat(self._value(keyword.value)) for keyword in node.keywords]
        if isinstance(node.func, ast.Name):
            return self._call_name(node, node.func.id, arguments)
        if isinstance(node.func, ast.Attribute):
            return self._call_attribute(node, node.func, arguments)
        self._value(node.func)
        return NOTHING

    def _call_name(self, node: ast.Call, name: str, arguments: list[Values]) -> Result:
        if name in self._variables:
            return self._call_values(self._variables[name], node, arguments)
        if name in ("getattr", "hasattr") and len(node.args) > 1:
            return self._getattr(node, name, arguments[0])
        if name in _COPIES:
            return arguments[0]
        found = self._package.resolve(self._module, name) if any(arguments) else None
        if not isinstance(found, Found):
            return NOTHING
        if isinstance(found.node, ast.ClassDef):
            made = self._notes.instance(found)
            self._call_method(made, "__init__", node, arguments)
            return frozenset([made])
        result = run(self._package, self._notes, found.module, found.node, bind(found.node, node, arguments))
        return frozenset([Model("ref")]) if name == "create_reference_model" else result

    def _getattr(self, node: ast.Call, function: str, owners: Values) -> Values:
        name = node.args[1]
        if isinstance(name, ast.Constant) and isinstance(name.value, str):
            optional = function == "hasattr" or len(node.args) == _WITH_DEFAULT
            return self._read(owners, name.value, optional=optional)
        if isinstance(name, ast.Attribute) and name.attr == "base_model_prefix":
            return frozenset(Model(owner.role, BACKBONE) for owner in owners if isinstance(owner, Model))
        return NOTHING

    def _call_attribute(self, node: ast.Call, function: ast.Attribute, arguments: list[Values]) -> Result:
        owners = flat(self._value(function.value))
        held = self._held(owners, function.attr)
        if held:
            return self._call_values(held, node, arguments)
        followed = [
            self._call_method(owner, function.attr, node, arguments) for owner in owners if isinstance(owner, Instance)
        ]
        results = [result for result in followed if result is not None]
        if results:
            return merge(results)
        if function.attr == "prepare":
            return tuple(arguments) if len(arguments) > 1 else NOTHING.union(*arguments)
        if function.attr in _COPIES and arguments:
            return arguments[0]
        self._read(owners, function.attr, calling=True)
        if function.attr in _SAME_MODEL:
            return owners
        return NOTHING

    def _held(self, owners: Values, name: str) -> Values:
        held = [self._notes.fields(owner, name) for owner in owners if isinstance(owner, Instance)]
        return NOTHING.union(*(values for values in held if values is not None))

    def _call_values(self, values: Values, node: ast.Call, arguments: list[Values]) -> Result:
        results: list[Result] = []
        for value in values:
            if isinstance(value, Model):
                results.append(frozenset([value.result()]))
            else:
                results.append(self._call_method(value, "forward", node, arguments) or NOTHING)
        return merge(results)

    def _call_method(self, owner: Instance, name: str, node: ast.Call, arguments: list[Values]) -> Result | None:
        """Follow a method of one of TRL's objects; None where it has none in the wheel."""
        found = method(self._package, self._notes.classes[owner.name], name)
        if found is None:
            return None
        place, function = found
        given = bind(function, node, [frozenset([owner]), *arguments])
        return run(self._package, self._notes, place.module, function, given)
