"""``releases.json``: what was read of every release, each fact as runs of consecutive releases with one value."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from rldk_maintenance.contract.reading import Facts, Value
from rldk_maintenance.errors import ContractError
from rldk_trl.files import write_whole

SCHEMA = 1
DATA_FILE = Path(__file__).parent / "releases.json"


@dataclass(frozen=True)
class ReleaseReading:
    """One release: what the index says of it, and its facts or why they could not be read."""

    version: str
    date: str | None
    requires_python: str | None
    yanked: bool
    sha256: str | None
    facts: Facts = field(default_factory=dict)
    error: str | None = None
    not_run: str | None = None

    @property
    def read(self) -> bool:
        """Whether its wheel was read."""
        return self.error is None and self.not_run is None


@dataclass(frozen=True)
class Run:
    """Consecutive releases with one value of a fact; ``last`` is included."""

    first: str
    last: str
    value: Value

    def __str__(self) -> str:
        return self.first if self.first == self.last else f"{self.first}-{self.last}"


@dataclass(frozen=True)
class Contract:
    """Every release, oldest version first."""

    releases: tuple[ReleaseReading, ...]

    @cached_property
    def _by_version(self) -> Mapping[str, ReleaseReading]:
        return {release.version: release for release in self.releases}

    def at(self, version: str, fact: str) -> Value | None:
        """A fact of a release; None where the release does not have it.

        Raises:
            ContractError: there is no such release, or its wheel was not read.
        """
        release = self._by_version.get(version)
        if release is None or not release.read:
            raise ContractError(f"contract: release {version} was not read; run `nox -s trl_contract`")
        return release.facts.get(fact)

    def names(self, prefix: str) -> list[str]:
        """Names of all facts that begin with ``prefix``, in the order in which they first appear."""
        return list(dict.fromkeys(name for r in self.releases for name in r.facts if name.startswith(prefix)))

    def runs(self, fact: str) -> list[Run]:
        """Runs of releases with one value of the fact; a release that was not read ends a run."""
        return list(self._runs(fact))

    def _runs(self, fact: str) -> Iterator[Run]:
        first = last = value = None
        for release in (*self.releases, None):
            now = release.facts.get(fact) if release is not None else None
            if value is not None and now != value:
                yield Run(str(first), str(last), value)
                value = None
            if now is not None and release is not None:
                first = release.version if value is None else first
                last, value = release.version, now


def dump(contract: Contract) -> str:
    """The file's text: one line for a release, one for a run."""
    lines = ["{", f'  "schema": {SCHEMA},', '  "releases": {']
    rows = [f"    {_json(release.version)}: {_json(_row(release))}" for release in contract.releases]
    lines += [",\n".join(rows), "  },", '  "facts": {']
    facts = []
    for name in sorted(contract.names("")):
        runs = ",\n".join(f"      {_json([run.first, run.last, run.value])}" for run in contract.runs(name))
        facts.append(f"    {_json(name)}: [\n{runs}\n    ]")
    return "\n".join([*lines, ",\n".join(facts), "  }", "}", ""])


def load(path: Path = DATA_FILE) -> Contract:
    """Read the file.

    Raises:
        ContractError: it is missing or not as `dump` writes it.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["schema"] != SCHEMA:
            raise ContractError(
                f"{path.name}: `schema` is {content['schema']}, not {SCHEMA}; run `nox -s trl_contract`"
            )
        order = list(content["releases"])
        facts: dict[str, Facts] = {version: {} for version in order}
        for name, runs in content["facts"].items():
            for first, last, value in runs:
                for version in order[order.index(first) : order.index(last) + 1]:
                    facts[version][name] = value
        return Contract(tuple(ReleaseReading(v, facts=facts[v], **_fields(content["releases"][v])) for v in order))
    except ContractError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ContractError(
            f"{path.name}: cannot be read ({type(error).__name__}: {error}); run `nox -s trl_contract`"
        ) from None


def write(contract: Contract, path: Path = DATA_FILE) -> None:
    """Write the file, whole or not at all."""
    write_whole(path, dump(contract))


_KEYS = ("date", "requires_python", "yanked", "sha256", "error", "not_run")


def _row(release: ReleaseReading) -> dict[str, Any]:
    return {key: getattr(release, key) for key in _KEYS if getattr(release, key) not in (None, False)}


def _fields(row: dict[str, Any]) -> dict[str, Any]:
    unknown = row.keys() - set(_KEYS)
    if unknown:
        raise ValueError(f"unknown key {sorted(unknown)[0]!r}")
    return {"yanked": False, **{key: row.get(key) for key in _KEYS if key != "yanked" or key in row}}


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
