"""Read the worlds of ``matrix.toml``, the extras that they install, and which releases are in them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from rldk_trl.matrix.blocks import RESERVED, RequireBlock
from rldk_trl.matrix.schema import SINGLE, Extra, Fixed, World
from rldk_trl.matrix.table import Table

_DEVICES = ("nvidia",)


@dataclass(frozen=True)
class WorldTable:
    """A world and its releases: those with PPO that match a specifier and, with ``smoke``, the smoke releases."""

    where: str
    world: World
    releases: tuple[SpecifierSet, ...]
    smoke: bool

    def has(self, version: str, api: str, smoke: bool) -> bool:
        """Whether a release is in the world. A pre-release counts like any other release."""
        named = any(releases.contains(version, prereleases=True) for releases in self.releases)
        return api != "none" and (named or (self.smoke and smoke))


def read_extra(name: str, body: object, where: str, lanes: Collection[str]) -> Extra:
    """Read one table of ``[extras]``."""
    table = Table(body, where)
    fixed = Fixed(date=table.required("date", date), packages=table.strings("packages"))
    requires = table.requirements("requires", RESERVED)
    build: dict[str, dict[str, str]] = {}
    for package, variables in (table.optional("build", dict) or {}).items():
        inner = Table(variables, f"{where}: build {package}")
        build[canonicalize_name(package)] = {key: inner.required(key, str) for key in variables}
    table.finish()
    _check_name(name, table, lanes)
    if not requires:
        raise table.error('`requires` is missing or empty; write e.g. ["deepspeed==0.19.8"]')
    return Extra(name, fixed, requires, build)


def read_world(name: str, body: object, where: str, lanes: Collection[str], extras: Mapping[str, Extra]) -> WorldTable:
    """Read one table of ``[worlds]``."""
    table = Table(body, where)
    about = table.required("about", str)
    smoke = table.optional("smoke", bool) or False
    releases = table.specifiers("releases")
    extra = table.choice("extra", tuple(extras))
    device = table.choice("device", _DEVICES)
    table.finish()
    _check_name(name, table, (*lanes, SINGLE))
    if not releases and not smoke:
        raise table.error('`releases` is missing; write e.g. [">=0.12"], or smoke = true')
    return WorldTable(where, World(name, about, extras[extra] if extra else None, device), releases, smoke)


def with_changes(extra: Extra, blocks: Iterable[RequireBlock]) -> tuple[str, ...]:
    """Return what an extra requires for a release, with what the blocks require of the same packages instead."""
    requires = {_name(one): one for one in extra.requires}
    requires.update({_name(one): one for block in blocks if block.extra == extra.name for one in block.requires})
    return tuple(requires.values())


def _check_name(name: str, table: Table, taken: Collection[str]) -> None:
    # It is a part of ids and of files' names, behind a release and a dash.
    if not re.fullmatch("[a-z][a-z0-9]*", name) or name in taken:
        raise table.error(f"write a name of lower-case letters and digits that is not one of {', '.join(taken)}")


def _name(requirement: str) -> str:
    return canonicalize_name(Requirement(requirement).name)
