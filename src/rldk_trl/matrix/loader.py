"""Read ``matrix.toml``. Anything unknown in it is an error of one line."""

from __future__ import annotations

import dataclasses
import re
import tomllib
from datetime import date, timedelta
from pathlib import Path
from typing import cast, get_args

from rldk_trl.errors import MatrixError
from rldk_trl.matrix.blocks import RESERVED, Block, declared, mismatch, read_expect, read_require
from rldk_trl.matrix.schema import PERIOD, SINGLE_WORLD, Api, Expectation, Fixed, Lane, Matrix, Release
from rldk_trl.matrix.table import Table
from rldk_trl.matrix.worlds import WorldTable, read_extra, read_world, with_changes

SCHEMA = 2
_PACKAGE = Path(__file__).resolve().parents[1]


def find_matrix() -> Path:
    """Return the path of ``matrix.toml``, in the installed package or at the top of the source checkout."""
    for place in (_PACKAGE / "matrix.toml", checkout_root() / "matrix.toml"):
        if place.is_file():
            return place
    raise MatrixError(f"matrix.toml: not found in {_PACKAGE} or above it; reinstall rldk-trl")


def checkout_root() -> Path:
    """Return the top of the source checkout. Without a checkout, the folder has no ``matrix.toml``."""
    return _PACKAGE.parents[1]


def load_matrix(path: Path | None = None) -> Matrix:
    """Read and check a matrix file (default: this package's own).

    Raises:
        MatrixError: the file is missing, is not TOML, or contains something unknown or contradictory.
    """
    path = find_matrix() if path is None else path
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise MatrixError(f"{path.name}: cannot be read ({error.strerror}); check {path}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise MatrixError(f"{path.name}: not valid TOML ({error}); correct the file there") from None
    top = Table(content, path.name)
    _check_schema(top)
    python = top.required("python", str)
    if not re.fullmatch(r"3\.\d+", python):
        raise top.error(f'`python` is {python!r}; write e.g. "3.11"')
    torch = top.version("torch")
    requires = top.requirements("requires", RESERVED)
    period_days = top.required("period_days", int)
    if period_days < 0:
        raise top.error(f"`period_days` is {period_days}; write a number of days, 0 or more")
    fixed = Table(top.required("fixed", dict), f"{path.name}: fixed")
    fixed_part = Fixed(date=fixed.required("date", date), packages=fixed.strings("packages"))
    fixed.finish()
    lanes = tuple(_lane(name, body, f"{path.name}: lane {name}") for name, body in top.required("lanes", dict).items())
    names = [lane.name for lane in lanes]
    if PERIOD not in names:
        raise top.error(f"`lanes` has no {PERIOD}; add [lanes.{PERIOD}]")
    extras = {
        name: read_extra(name, body, f"{path.name}: extra {name}", names)
        for name, body in (top.optional("extras", dict) or {}).items()
    }
    worlds = {
        name: read_world(name, body, f"{path.name}: world {name}", names, extras)
        for name, body in (top.optional("worlds", dict) or {}).items()
    }
    expects = [read_expect(body, where, names, worlds) for body, where in _blocks(top, "expect")]
    requiring = [read_require(body, where, extras) for body, where in _blocks(top, "require")]
    lines = top.required("releases", dict)
    top.finish()
    releases = []
    for version, body in lines.items():
        top.normal_version("a key of `releases`", version)
        table = Table(body, f"{path.name}: release {version}")
        expectations = {lane: declared(expects, version, lane) for lane in names}
        matching = [block for block in requiring if block.matches(version)]
        more = [one for block in matching if block.extra is None for one in block.requires]
        release = _release(version, table, period_days, tuple(dict.fromkeys(more)), expectations)
        found = [one.world for one in worlds.values() if one.has(version, release.api, release.smoke)]
        in_worlds = {world.name: declared(expects, version, PERIOD, world.name) for world in found}
        in_extras = {one.extra.name: with_changes(one.extra, matching) for one in found if one.extra}
        releases.append(dataclasses.replace(release, worlds=in_worlds, extras=in_extras))
    for expect in expects:
        _require_match(expect, [one for one in releases if expect.world is None or expect.world in one.worlds])
    for require in requiring:
        _require_match(require, [one for one in releases if require.extra is None or require.extra in one.extras])
    for world in worlds.values():
        _require_releases(world, releases)
    return Matrix(
        path=path,
        python=python,
        torch=torch,
        requires=requires,
        fixed=fixed_part,
        lanes=lanes,
        worlds=(SINGLE_WORLD, *(one.world for one in worlds.values())),
        releases=tuple(sorted(releases, key=lambda release: release.parsed)),
    )


def _check_schema(top: Table) -> None:
    schema = top.required("schema", int)
    if schema < SCHEMA:
        raise top.error(
            f"`schema` is {schema}, with a [[release]] block per release; write [releases], [[expect]] and [[require]]"
            f" as docs/matrix.md shows, and schema = {SCHEMA}"
        )
    if schema > SCHEMA:
        raise top.error(f"`schema` is {schema}, but this rldk-trl reads {SCHEMA}; upgrade it or correct the number")


def _lane(name: str, body: object, where: str) -> Lane:
    table = Table(body, where)
    lane = Lane(name=name, about=table.required("about", str), cutoff=table.optional("cutoff", date))
    table.finish()
    if name == PERIOD and lane.cutoff is not None:
        raise table.error("each release has its own `cutoff` in this lane; remove this one")
    if name != PERIOD and lane.cutoff is None:
        raise table.error("`cutoff` is missing; add the date as of which this lane is resolved")
    return lane


def _blocks(top: Table, key: str) -> list[tuple[object, str]]:
    """Return the blocks under a key, each with the words that name its place."""
    bodies = top.optional(key, list) or []
    return [(body, f"{top.where}: {key} number {number}") for number, body in enumerate(bodies, start=1)]


def _release(
    version: str, table: Table, period_days: int, requires: tuple[str, ...], expectations: dict[str, Expectation]
) -> Release:
    if not table.has("date"):
        raise table.error('`date` is missing; write "0.23.0" = { date = 2025-09-10, api = "train" }, with the quotes')
    uploaded = table.required("date", date)
    api = cast("Api", table.required_choice("api", get_args(Api)))
    smoke = table.optional("smoke", bool) or False
    cutoff = table.optional("cutoff", date)
    table.finish()
    if cutoff is not None and cutoff < uploaded:
        raise table.error(f"`cutoff` {cutoff} is before `date` {uploaded}; write a later day or remove it")
    for lane, expectation in expectations.items():
        if problem := mismatch(expectation, api):
            raise MatrixError(f"{table.where}, lane {lane}: {problem}")
    listed = {expectation.status == "listed" for expectation in expectations.values()}
    if True in listed:
        if cutoff or smoke or requires or False in listed:
            raise table.error("a listed release is not run; remove its `cutoff`, `smoke` and other blocks")
        cutoff = uploaded
    return Release(
        version=version,
        date=uploaded,
        cutoff=cutoff or uploaded + timedelta(days=period_days),
        api=api,
        smoke=smoke,
        requires=requires,
        expectations=expectations,
        worlds={},
        extras={},
    )


def _require_match(block: Block, releases: list[Release]) -> None:
    if not any(block.matches(release.version) for release in releases):
        raise MatrixError(f"{block.where}: `releases` matches no release; correct it or remove the block")


def _require_releases(table: WorldTable, releases: list[Release]) -> None:
    with_ppo = [release.version for release in releases if release.api != "none"]
    for one in table.releases:
        if not any(one.contains(version, prereleases=True) for version in with_ppo):
            raise MatrixError(f"{table.where}: `releases` has {str(one)!r}; no release with PPO matches; correct it")
