"""What is known while models are followed through TRL's code, for `rldk_maintenance.contract.reads`."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass

from rldk_maintenance.contract.package import Found

BACKBONE = "<backbone>"


@dataclass(frozen=True)
class Model:
    """A model of the user's, its backbone, or what calling one of them returned."""

    role: str
    part: str = ""

    def result(self) -> Model:
        """What a call of it returns."""
        return Model(self.role, f"{self.part}()")


@dataclass(frozen=True)
class Instance:
    """An object of one of TRL's classes that holds models; all objects of a class are taken as one."""

    name: str


Values = frozenset[Model | Instance]
Result = Values | tuple[Values, ...]
NOTHING: Values = frozenset()


def merge(results: Iterable[Result]) -> Result:
    """What may be any one of several results; tuples of one length stay tuples."""
    kept = [result for result in results if result]
    if kept and all(isinstance(result, tuple) and len(result) == len(kept[0]) for result in kept):
        return tuple(NOTHING.union(*parts) for parts in zip(*kept, strict=True))
    return NOTHING.union(*map(flat, kept))


def flat(result: Result) -> Values:
    """All values of a result."""
    return NOTHING.union(*result) if isinstance(result, tuple) else result


class Notes:
    """TRL's own objects, what their attributes hold, and the reads seen so far."""

    def __init__(self) -> None:
        self.classes: dict[str, Found] = {}
        self.running: list[tuple[str, int, frozenset[tuple[str, Values]]]] = []
        self._fields: dict[tuple[str, str], Values] = {}
        self._reads: dict[tuple[str, str], set[tuple[str, bool]]] = {}

    def instance(self, found: Found) -> Instance:
        """The object that stands for all of a class."""
        self.classes[found.node.name] = found
        return Instance(found.node.name)

    def fields(self, value: Instance, name: str) -> Values | None:
        """What was assigned to an attribute; None where nothing was."""
        return self._fields.get((value.name, name))

    def assign_field(self, value: Instance, name: str, values: Values) -> None:
        """Note what an attribute may hold."""
        key = (value.name, name)
        self._fields[key] = self._fields.get(key, NOTHING) | values

    def read(self, model: Model, attribute: str, where: str, optional: bool = False) -> None:
        """Note a read."""
        path = f"{model.part}.{attribute}" if model.part else attribute
        self._reads.setdefault((model.role, path), set()).add((where, optional))

    def sorted_reads(self) -> dict[str, dict[str, list[str]]]:
        """All reads, in a stable order."""
        reads: dict[str, dict[str, list[str]]] = {}
        for (role, path), places in sorted(self._reads.items()):
            firm = {where for where, optional in places if not optional}
            shown = {where if where in firm else f"{where}?" for where, _ in places}
            reads.setdefault(role, {})[path] = sorted(shown)
        return reads


def bind(function: ast.FunctionDef, call: ast.Call, positional: list[Values]) -> dict[str, Values]:
    """A call's arguments by parameter name; ``positional`` ends with the keywords' values in their order."""
    names = [argument.arg for argument in function.args.posonlyargs + function.args.args]
    keywords = [keyword.arg for keyword in call.keywords]
    split = len(positional) - len(keywords)
    given = dict(zip(names, positional[:split], strict=False))
    for name, values in zip(keywords, positional[split:], strict=True):
        if name is not None:
            given[name] = values
    return {name: values for name, values in given.items() if values}
