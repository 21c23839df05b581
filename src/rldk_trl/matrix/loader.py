"""Reads ``matrix.toml`` and refuses, in one line, whatever it does not know."""

from __future__ import annotations

import re
import tomllib
from datetime import date
from pathlib import Path
from typing import cast, get_args

from rldk_trl.errors import MatrixError
from rldk_trl.matrix.schema import (
    LATE_PHASES,
    PERIOD,
    Api,
    Expect,
    Expectation,
    Fixed,
    Lane,
    Matrix,
    Phase,
    Release,
    Whose,
)
from rldk_trl.matrix.table import Table

SCHEMA = 1
_PACKAGE = Path(__file__).resolve().parents[1]


def find_matrix() -> Path:
    """Where ``matrix.toml`` is: in the installed package, or at the top of the source checkout."""
    for place in (_PACKAGE / "matrix.toml", checkout_root() / "matrix.toml"):
        if place.is_file():
            return place
    raise MatrixError(f"matrix.toml: not found in {_PACKAGE} or above it; reinstall rldk-trl")


def checkout_root() -> Path:
    """The top of the source checkout, if this package runs from one; else it has no ``matrix.toml``."""
    return _PACKAGE.parents[1]


def load_matrix(path: Path | None = None) -> Matrix:
    """Read and check a matrix file (default: this package's own).

    Raises:
        MatrixError: the file is missing, is not TOML, or says something unknown or contradictory.
    """
    path = find_matrix() if path is None else path
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise MatrixError(f"{path.name}: cannot be read ({error.strerror}); check {path}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise MatrixError(f"{path.name}: not valid TOML ({error}); mend that place") from None
    top = Table(content, path.name)
    schema = top.required("schema", int)
    if schema != SCHEMA:
        raise top.error(f"`schema` is {schema}; this rldk-trl reads {SCHEMA}, upgrade it or mend the number")
    python = top.required("python", str)
    if not re.fullmatch(r"3\.\d+", python):
        raise top.error(f'`python` is {python!r}; write such as "3.11"')
    torch = top.version("torch")
    requires = top.requirements("requires", reserved=("trl", "torch"))
    fixed = Table(top.required("fixed", dict), f"{path.name}: fixed")
    fixed_part = Fixed(date=fixed.required("date", date), packages=fixed.strings("packages"))
    fixed.finish()
    lanes = tuple(_lane(name, body, f"{path.name}: lane {name}") for name, body in top.required("lanes", dict).items())
    if PERIOD not in [lane.name for lane in lanes]:
        raise top.error(f"`lanes` has no {PERIOD}; add [lanes.{PERIOD}]")
    rows = top.required("release", list)
    top.finish()
    releases = [_release(row, index, path.name, lanes) for index, row in enumerate(rows, start=1)]
    _refuse_duplicates(releases, path.name)
    return Matrix(
        path=path,
        python=python,
        torch=torch,
        requires=requires,
        fixed=fixed_part,
        lanes=lanes,
        releases=tuple(sorted(releases, key=lambda release: release.parsed)),
    )


def _lane(name: str, body: object, where: str) -> Lane:
    table = Table(body, where)
    lane = Lane(name=name, about=table.required("about", str), cutoff=table.optional("cutoff", date))
    table.finish()
    if name == PERIOD and lane.cutoff is not None:
        raise table.error("`cutoff` belongs to the rows in this lane; take it out")
    if name != PERIOD and lane.cutoff is None:
        raise table.error("`cutoff` is missing; add the date at which this lane is resolved")
    return lane


def _release(body: object, index: int, file: str, lanes: tuple[Lane, ...]) -> Release:
    table = Table(body, f"{file}: release number {index}")
    version = table.version("version")
    table.where = f"{file}: release {version}"
    uploaded = table.required("date", date)
    cutoff = table.optional("cutoff", date)
    if cutoff is not None and cutoff < uploaded:
        raise table.error(f"`cutoff` {cutoff} is before `date` {uploaded}; write date + 10 days")
    if not table.has("api"):
        raise table.error(f"`api` is missing; write one of {', '.join(map(repr, get_args(Api)))}")
    api = cast("Api", table.choice("api", get_args(Api)))
    smoke = table.optional("smoke", bool) or False
    requires = table.requirements("requires", reserved=("trl", "torch"))
    others = {}
    for lane in lanes:
        if lane.name == PERIOD:
            continue
        sub = table.optional(lane.name, dict)
        if sub is not None:
            sub_table = Table(sub, f"{table.where}, lane {lane.name}")
            others[lane.name] = _expectation(sub_table, api)
            sub_table.finish()
            if others[lane.name].status == "listed":
                raise sub_table.error('`expect` is "listed", which is said of a whole row; declare "xfail"')
    expectation = _expectation(table, api)
    table.finish()
    if expectation.status == "listed":
        if cutoff or smoke or requires or others:
            raise table.error("nothing is run of a listed row; take `cutoff`, `smoke`, `requires` and lanes out")
    elif cutoff is None:
        raise table.error("`cutoff` is missing; write date + 10 days")
    return Release(version, uploaded, cutoff or uploaded, api, smoke, requires, expectation, others)


def _expectation(table: Table, api: Api) -> Expectation:
    status = cast("Expect", table.choice("expect", get_args(Expect), "pass"))
    reason = table.optional("reason", str)
    phase = cast("Phase | None", table.choice("phase", get_args(Phase)))
    exception = table.optional("exception", str)
    whose = cast("Whose | None", table.choice("whose", get_args(Whose)))
    link = table.optional("link", str)
    instead = table.optional("instead", str)
    if link is not None and not link.startswith("https://"):
        raise table.error(f"`link` is {link!r}; write an https:// address")
    if status == "pass" and api == "none":
        raise table.error('`api` is "none" but the row expects a pass; add expect = "no-ppo" and a reason')
    if status in ("no-ppo", "listed") and api != "none":
        raise table.error(f'`expect` is "{status}" but `api` is {api!r}; mend one of the two')
    if status == "pass" and (reason or link):
        raise table.error("`reason` and `link` explain what is not a pass; add `expect` or take them out")
    if status != "pass" and reason is None:
        raise table.error("`reason` is missing; say in a user's words why this is not a pass")
    if status != "xfail" and (phase or exception or whose or instead):
        raise table.error('`phase`, `exception`, `whose` and `instead` belong to expect = "xfail"; take them out')
    if status == "xfail":
        for key, value in (("phase", phase), ("exception", exception), ("whose", whose), ("instead", instead)):
            if value is None:
                raise table.error(f"`{key}` is missing; an expected failure says phase, exception, whose and instead")
        if phase in LATE_PHASES and not str(exception).isidentifier():
            raise table.error(f'`exception` is {exception!r}; write a class name such as "ImportError"')
    return Expectation(status, reason, phase, exception, whose, link, instead)


def _refuse_duplicates(releases: list[Release], file: str) -> None:
    seen: set[str] = set()
    for release in releases:
        if release.version in seen:
            raise MatrixError(f"{file}: release {release.version}: there are two such rows; take one out")
        seen.add(release.version)
