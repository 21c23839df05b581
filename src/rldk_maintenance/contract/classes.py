"""What a class in a wheel looks like: its constructor, its config fields, the warnings it gives."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from rldk_maintenance.contract.package import Found, TRLPackage

REQUIRED = "(required)"


def lineage(package: TRLPackage, found: Found) -> tuple[list[Found], list[str]]:
    """The class and its bases inside the wheel, nearest first, and the bases outside it, as dotted names."""
    inside, outside = [found], []
    for place in inside:
        for base in place.node.bases:
            target = package.resolve(place.module, base.id) if isinstance(base, ast.Name) else ast.unparse(base)
            if isinstance(target, Found):
                if target not in inside:
                    inside.append(target)
            elif target is not None and target not in outside:
                outside.append(target)
    return inside, outside


def constructor(package: TRLPackage, found: Found) -> list[str] | None:
    """The constructor's parameters after ``self``: ``name``, ``name=default``, ``*args``, ``**kwargs``."""
    initializer = _method(package, found, "__init__")
    return None if initializer is None else parameters(initializer)[1:]


def _method(package: TRLPackage, found: Found, name: str) -> ast.FunctionDef | None:
    for place in lineage(package, found)[0]:
        for node in place.node.body:
            if isinstance(node, ast.FunctionDef) and node.name == name:
                return node
    return None


def parameters(function: ast.FunctionDef) -> list[str]:
    """A function's parameters, without annotations."""
    arguments = function.args
    positional = arguments.posonlyargs + arguments.args
    defaults = [None] * (len(positional) - len(arguments.defaults)) + list(arguments.defaults)
    shown = [_parameter(argument.arg, default) for argument, default in zip(positional, defaults, strict=True)]
    if arguments.vararg:
        shown.append(f"*{arguments.vararg.arg}")
    elif arguments.kwonlyargs:
        shown.append("*")
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        shown.append(_parameter(argument.arg, default))
    if arguments.kwarg:
        shown.append(f"**{arguments.kwarg.arg}")
    return shown


def _parameter(name: str, default: ast.expr | None) -> str:
    return name if default is None else f"{name}={ast.unparse(default)}"


def config_fields(package: TRLPackage, found: Found) -> dict[str, str]:
    """The options that TRL's own classes let a config be constructed with, and their defaults."""
    fields: dict[str, str] = {}
    for place in reversed(lineage(package, found)[0]):
        for node in place.node.body:
            if isinstance(node, ast.FunctionDef) and node.name == "__init__":
                given = [text for text in parameters(node)[1:] if not text.startswith("*")]
                fields |= {name: default or REQUIRED for name, _, default in (text.partition("=") for text in given)}
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                default = _field_default(node)
                if default is not None:
                    fields[node.target.id] = default
    return fields


def _field_default(node: ast.AnnAssign) -> str | None:
    value = node.value
    if value is None or "ClassVar" in ast.unparse(node.annotation):
        return None if value else REQUIRED
    if not (isinstance(value, ast.Call) and ast.unparse(value.func) in ("field", "dataclasses.field")):
        return ast.unparse(value)
    given = {keyword.arg: keyword.value for keyword in value.keywords}
    if "init" in given and ast.unparse(given["init"]) == "False":
        return None
    if "default" in given:
        return ast.unparse(given["default"])
    factory = given.get("default_factory")
    if factory is None:
        return REQUIRED
    return ast.unparse(factory.body) if isinstance(factory, ast.Lambda) else f"{ast.unparse(factory)}()"


def set_after_init(package: TRLPackage, found: Found, fields: dict[str, str]) -> dict[str, str]:
    """The fields that ``__post_init__`` replaces, with the values that it sets."""
    replaced = {}
    for place in reversed(lineage(package, found)[0]):
        hook = next((n for n in place.node.body if isinstance(n, ast.FunctionDef) and n.name == "__post_init__"), None)
        for node in ast.walk(hook) if hook is not None else ():
            if not isinstance(node, ast.Assign):
                continue
            for target in node.targets:
                if isinstance(target, ast.Attribute) and ast.unparse(target.value) == "self" and target.attr in fields:
                    replaced[target.attr] = ast.unparse(node.value)
    return replaced


def warns(package: TRLPackage, found: Found) -> list[str]:
    """Categories of the warnings that constructing the class gives with any arguments.

    A warning that only an environment variable silences is included.
    """
    categories: list[str] = []
    for name in ("__init__", "__post_init__"):
        function = _method(package, found, name)
        for node in _unless_silenced(function.body) if function is not None else ():
            call = node.value if isinstance(node, ast.Expr) else None
            if isinstance(call, ast.Call) and ast.unparse(call.func) in ("warnings.warn", "warn"):
                category = call.args[1:2] or [k.value for k in call.keywords if k.arg == "category"]
                categories.append(ast.unparse(category[0]) if category else "UserWarning")
    return sorted(set(categories))


def _unless_silenced(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    for node in body:
        if isinstance(node, ast.If) and "os.environ" in ast.unparse(node.test):
            yield from node.body
        else:
            yield node
