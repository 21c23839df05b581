"""The text of matrix.toml's rows: new ones are put in their place, and all that a person wrote stays."""

from __future__ import annotations

import datetime
import json
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from packaging.version import Version

from rldk_trl.matrix.schema import Api, Expectation

PERIOD_DAYS = 10
REVIEW = "# REVIEW: "
PENDING = f"{REVIEW}not measured yet; run `nox -s matrix_update` again"
DRAFT = f"{REVIEW}drafted by matrix_update: say why, whose and what to do instead, then take this line out"
_ROW = re.compile(r"(?:^#.*\n)*^\[\[release\]\]$", re.MULTILINE)  # comments right above a row are the row's

_PATH = re.compile(r" ?\(?(?:/[\w.+-]+){2,}\)?")  # of the machine that measured


@dataclass(frozen=True)
class Row:
    """One row: its text, without blank lines around it, and what that says."""

    text: str

    @property
    def content(self) -> dict[str, Any]:
        """The row as TOML reads it."""
        (content,) = tomllib.loads(self.text)["release"]
        return dict(content)

    @property
    def version(self) -> Version:
        """The release."""
        return Version(self.content["version"])

    @property
    def pending(self) -> bool:
        """Whether its cells were not measured yet."""
        return PENDING in self.text.splitlines()

    def lines(self, *keys: str) -> list[str]:
        """The row's own lines with these keys, as they are written."""
        own = self.text.partition("\n[release.")[0].splitlines()
        return [line for line in own if line.partition(" =")[0] in keys]

    def without(self, *lines: str) -> Row:
        """The row without these lines."""
        return Row("\n".join(line for line in self.text.splitlines() if line not in lines))

    def table(self, lane: str) -> str | None:
        """The text of the row's table for a lane."""
        found = re.search(rf"^\[release\.{lane}\]\n(?:(?!\[).*(?:\n|$))*", self.text, re.MULTILINE)
        return found[0].rstrip("\n") if found else None


@dataclass(frozen=True)
class MatrixText:
    """The whole file: what is above the rows, and the rows, in the file's order."""

    head: str
    rows: tuple[Row, ...]

    @classmethod
    def parse(cls, text: str) -> MatrixText:
        """Split the text of a matrix file."""
        starts = [found.start() for found in _ROW.finditer(text)]
        ends = [*starts[1:], len(text)]
        rows = tuple(Row(text[start:end].strip("\n")) for start, end in zip(starts, ends, strict=True))
        return cls(text[: starts[0]] if starts else text.rstrip("\n") + "\n\n", rows)

    def __str__(self) -> str:
        return self.head + "\n\n".join(row.text for row in self.rows) + "\n"

    def neighbours(self, version: Version) -> tuple[Row | None, Row | None]:
        """The rows of the nearest releases below and above."""
        below = max((row for row in self.rows if row.version < version), key=lambda row: row.version, default=None)
        above = min((row for row in self.rows if row.version > version), key=lambda row: row.version, default=None)
        return below, above

    def insert(self, new: Row) -> MatrixText:
        """With a new row before the first of a higher release."""
        index = next((i for i, row in enumerate(self.rows) if row.version > new.version), len(self.rows))
        return MatrixText(self.head, (*self.rows[:index], new, *self.rows[index:]))

    def replace(self, new: Row) -> MatrixText:
        """With another text for a row."""
        return MatrixText(self.head, tuple(new if row.version == new.version else row for row in self.rows))


def new_row(matrix: MatrixText, version: Version, uploaded: datetime.date, api: Api, today: datetime.date) -> Row:
    """A row for a release that has none, pending until it is measured.

    What only a person can know is taken over where it is not in doubt: the reason of a release without PPO from
    the row next to it, if that has none either, and ``requires`` where the rows on both sides have the same.
    """
    below, above = matrix.neighbours(version)
    neighbours = [row for row in (below, above) if row is not None]
    lines = ["[[release]]", PENDING, f'version = "{version}"', f"date = {uploaded}"]
    alike = next((row for row in neighbours if row.content["api"] == api == "none"), None)
    if alike is not None and alike.content.get("expect") == "listed":
        lines.remove(PENDING)  # nothing is run of it
    else:
        lines.append(_cutoff_line(uploaded, today))
    lines.append(f'api = "{api}"')
    if not any(row.content.get("smoke") and row.content["api"] == api for row in matrix.rows) and PENDING in lines:
        lines.append("smoke = true")  # the first of its kind
    requires = [row.lines("requires") for row in neighbours]
    if len(requires) > 1 and requires[0] == requires[1]:
        lines += requires[0]
    if alike is not None:
        lines += alike.lines("expect", "reason", "link")
    elif api == "none":
        lines += ['expect = "no-ppo"', 'reason = "its files define no PPOTrainer with step or train"']
    return Row("\n".join(lines))


def _cutoff_line(uploaded: datetime.date, today: datetime.date) -> str:
    wanted = uploaded + datetime.timedelta(days=PERIOD_DAYS)
    # Of a day that is not over, more may still be uploaded.
    settled = max(min(wanted, today - datetime.timedelta(days=1)), uploaded)
    why = "" if settled == wanted else f" # not date + {PERIOD_DAYS}: added on {today}"
    return f"cutoff = {settled}{why}"


def draft_lines(phase: str, exception: str, reason: str, below: Row | None) -> list[str]:
    """An expected failure as measured, valid and marked: a person has to say the rest."""
    instead = f"TRL {below.version} is the release before" if below is not None else "not known yet"
    values = {"expect": "xfail", "phase": phase, "exception": exception, "reason": _PATH.sub("", reason)}
    values |= {"whose": "ours", "instead": instead}
    return [DRAFT, *(f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in values.items())]


def same_table(neighbours: Sequence[Row | None], lane: str, measured: Expectation) -> str | None:
    """The table of a lane that the rows on both sides share, if it declares what was measured."""
    tables = {None if row is None else row.table(lane) for row in neighbours}
    if len(tables) != 1 or (table := tables.pop()) is None:
        return None
    said = tomllib.loads(f"[[release]]\n{table}")["release"][0][lane]
    return table if (said.get("phase"), said.get("exception")) == (measured.phase, measured.exception) else None
