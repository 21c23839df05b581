"""Reads ``matrix.toml`` and refuses, in one line, whatever it does not know."""

from __future__ import annotations

import difflib
import re
import tomllib
from datetime import date
from pathlib import Path
from typing import Any, TypeVar, cast, get_args

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from rldk_trl.matrix.schema import (
    LATE_PHASES,
    PERIOD,
    Api,
    Expect,
    Expectation,
    Fixed,
    Lane,
    Matrix,
    MatrixError,
    Phase,
    Release,
    Whose,
)

SCHEMA = 1
_PACKAGE = Path(__file__).resolve().parents[1]
_TYPE_NAMES = {str: "a string", bool: "true or false", int: "a whole number", list: "a list", dict: "a table"}

T = TypeVar("T")


def find_matrix() -> Path:
    """Where ``matrix.toml`` is: in the installed package, or at the top of the source checkout."""
    for place in (_PACKAGE / "matrix.toml", checkout_root() / "matrix.toml"):
        if place.is_file():
            return place
    raise MatrixError(f"matrix.toml: not found in {_PACKAGE} or above it; reinstall rldk-trl")


def checkout_root() -> Path:
    """The top of the source checkout, if this package runs from one; else it has no ``matrix.toml``."""
    return _PACKAGE.parents[1]


class _Table:
    """One TOML table being read: every key must be taken before ``finish``."""

    def __init__(self, content: dict[str, Any], where: str) -> None:
        self._left = dict(content)
        self._known: list[str] = []
        self.where = where

    def error(self, what: str) -> MatrixError:
        return MatrixError(f"{self.where}: {what}")

    def has(self, key: str) -> bool:
        return key in self._left

    def optional(self, key: str, kind: type[T]) -> T | None:
        self._known.append(key)
        if key not in self._left:
            return None
        value = self._left.pop(key)
        # `type is`: in Python a datetime is a date and a bool is an int, in TOML they are not.
        if type(value) is not kind:
            wanted = _TYPE_NAMES.get(kind, "a date such as 2025-09-10, without quotes")
            raise self.error(f"`{key}` is {value!r}; write {wanted}")
        if kind is str and not str(value).strip():
            raise self.error(f"`{key}` is empty; fill it in or leave the key out")
        return value

    def required(self, key: str, kind: type[T]) -> T:
        value = self.optional(key, kind)
        if value is None:
            raise self.error(f"`{key}` is missing; add it")
        return value

    def choice(self, key: str, choices: tuple[str, ...], default: str | None = None) -> str | None:
        value = self.optional(key, str)
        if value is None:
            return default
        if value not in choices:
            raise self.error(f"`{key}` is {value!r}; write one of {', '.join(map(repr, choices))}")
        return value

    def strings(self, key: str) -> tuple[str, ...]:
        values = self.optional(key, list) or []
        for value in values:
            if not isinstance(value, str) or not value.strip():
                raise self.error(f"`{key}` holds {value!r}; write strings only")
        return tuple(values)

    def requirements(self, key: str, reserved: tuple[str, ...]) -> tuple[str, ...]:
        values = self.strings(key)
        for value in values:
            try:
                name = canonicalize_name(Requirement(value).name)
            except InvalidRequirement:
                raise self.error(f'`{key}` holds {value!r}; write a requirement such as "numpy<2"') from None
            if name in reserved:
                raise self.error(f"`{key}` holds {value!r}; {name} is pinned elsewhere, take it out")
        return values

    def finish(self) -> None:
        for key in self._left:
            near = difflib.get_close_matches(key, self._known, n=1)
            todo = f"did you mean `{near[0]}`?" if near else f"known keys: {', '.join(self._known)}"
            raise self.error(f"unknown key `{key}`; {todo}")


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
    top = _Table(content, path.name)
    schema = top.required("schema", int)
    if schema != SCHEMA:
        raise top.error(f"`schema` is {schema}; this rldk-trl reads {SCHEMA}, upgrade it or mend the number")
    python = top.required("python", str)
    if not re.fullmatch(r"3\.\d+", python):
        raise top.error(f'`python` is {python!r}; write such as "3.11"')
    torch = _version(top, "torch")
    requires = top.requirements("requires", reserved=("trl", "torch"))
    fixed = _Table(top.required("fixed", dict), f"{path.name}: fixed")
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
    table = _Table(_as_table(body, where), where)
    lane = Lane(name=name, about=table.required("about", str), cutoff=table.optional("cutoff", date))
    table.finish()
    if name == PERIOD and lane.cutoff is not None:
        raise table.error("`cutoff` belongs to the rows in this lane; take it out")
    if name != PERIOD and lane.cutoff is None:
        raise table.error("`cutoff` is missing; add the date at which this lane is resolved")
    return lane


def _as_table(body: object, where: str) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise MatrixError(f"{where}: is {body!r}; write a table")
    return body


def _release(body: object, index: int, file: str, lanes: tuple[Lane, ...]) -> Release:
    table = _Table(_as_table(body, f"{file}: release number {index}"), f"{file}: release number {index}")
    version = _version(table, "version")
    table.where = f"{file}: release {version}"
    uploaded = table.required("date", date)
    cutoff = table.required("cutoff", date)
    if cutoff < uploaded:
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
            sub_table = _Table(sub, f"{table.where}, lane {lane.name}")
            others[lane.name] = _expectation(sub_table, api)
            sub_table.finish()
    expectation = _expectation(table, api)
    table.finish()
    return Release(version, uploaded, cutoff, api, smoke, requires, expectation, others)


def _expectation(table: _Table, api: Api) -> Expectation:
    status = cast("Expect", table.choice("expect", get_args(Expect), "pass"))
    reason = table.optional("reason", str)
    phase = cast("Phase | None", table.choice("phase", get_args(Phase)))
    exception = table.optional("exception", str)
    whose = cast("Whose | None", table.choice("whose", get_args(Whose)))
    link = table.optional("link", str)
    if link is not None and not link.startswith("https://"):
        raise table.error(f"`link` is {link!r}; write an https:// address")
    if status == "pass" and api == "none":
        raise table.error('`api` is "none" but the row expects a pass; add expect = "no-ppo" and a reason')
    if status == "no-ppo" and api != "none":
        raise table.error(f'`expect` is "no-ppo" but `api` is {api!r}; mend one of the two')
    if status == "pass" and (reason or link):
        raise table.error("`reason` and `link` explain what is not a pass; add `expect` or take them out")
    if status != "pass" and reason is None:
        raise table.error("`reason` is missing; say in a user's words why this is not a pass")
    if status != "xfail" and (phase or exception or whose):
        raise table.error('`phase`, `exception` and `whose` belong to expect = "xfail"; take them out')
    if status == "xfail":
        for key, value in (("phase", phase), ("exception", exception), ("whose", whose)):
            if value is None:
                raise table.error(f"`{key}` is missing; an expected failure says phase, exception and whose")
        if phase in LATE_PHASES and not str(exception).isidentifier():
            raise table.error(f'`exception` is {exception!r}; write a class name such as "ImportError"')
    return Expectation(status, reason, phase, exception, whose, link)


def _version(table: _Table, key: str) -> str:
    text = table.required(key, str)
    try:
        canonical = str(Version(text))
    except InvalidVersion:
        raise table.error(f'`{key}` is {text!r}; write a PEP 440 version such as "0.23.0"') from None
    if canonical != text:
        raise table.error(f"`{key}` is {text!r}; write it as {canonical!r}")
    return text


def _refuse_duplicates(releases: list[Release], file: str) -> None:
    seen: set[str] = set()
    for release in releases:
        if release.version in seen:
            raise MatrixError(f"{file}: release {release.version}: there are two such rows; take one out")
        seen.add(release.version)
