"""The text of matrix.toml: new lines and blocks are put in their place, and all that a person wrote stays."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from itertools import zip_longest
from typing import Any, cast

import tomlkit
from packaging.version import Version
from tomlkit.exceptions import ParseError
from tomlkit.items import AoT, Item, Table

from rldk_maintenance.errors import MaintenanceError
from rldk_trl.matrix.blocks import ExpectBlock, declared, mismatch, read_expect
from rldk_trl.matrix.schema import Api, Expectation

REVIEW = "# REVIEW: "
PENDING = f"{REVIEW}not measured yet; run `nox -s matrix_update` again"
DRAFT = f"{REVIEW}drafted by matrix_update: say why, the cause and what to do instead, then take this line out"
NO_PPO = Expectation("no-ppo", "its files define no PPOTrainer with step or train")

_PATH = re.compile(r" ?\(?(?:/[\w.+-]+){2,}\)?")  # of the machine that measured
_KEY_WIDTH = len('"1.0.0rc1"')


class MatrixText:
    """The text of a matrix file, changed in place."""

    def __init__(self, text: str) -> None:
        text = text.removesuffix("\n") + "\n"
        try:
            self._document = tomlkit.parse(text)
        except ParseError as error:
            raise MaintenanceError(f"matrix.toml: not valid TOML ({error}); correct that place") from None
        if str(self) != text:
            pairs = zip_longest(text.splitlines(), str(self).splitlines(), fillvalue="")
            number, (line, kept) = next(one for one in enumerate(pairs, start=1) if one[1][0] != one[1][1])
            raise MaintenanceError(f"matrix.toml: tomlkit would write line {number}, {line!r}, as {kept!r}; do that")

    def __str__(self) -> str:
        return self._document.as_string()

    @property
    def content(self) -> dict[str, Any]:
        """What the text says."""
        return self._document.unwrap()

    @property
    def releases(self) -> dict[Version, dict[str, Any]]:
        """The line of each release."""
        return {Version(version): line for version, line in self.content["releases"].items()}

    @property
    def pending(self) -> list[Version]:
        """The releases whose cells were not measured yet."""
        return [version for version in self.releases if PENDING in self._line(version).trivia.comment]

    @property
    def expects(self) -> list[ExpectBlock]:
        """The blocks that say what is expected."""
        bodies = enumerate(self.content.get("expect", []), start=1)
        lanes, worlds = self.content["lanes"], self.content.get("worlds", {})
        return [read_expect(body, f"matrix.toml: expect number {at}", lanes, worlds) for at, body in bodies]

    def below(self, version: Version) -> Version | None:
        """The nearest lower release."""
        return max((one for one in self.releases if one < version), default=None)

    def add_line(self, version: Version, line: str) -> None:
        """Put the line of a release behind that of the nearest lower one; comments above a line stay above it."""
        below = self.below(version)
        body = self._table.value.body
        at = 0 if below is None else 1 + [key.key if key else None for key, _ in body].index(str(below))
        body[at:at] = tomlkit.parse(line + "\n").body
        self._document = tomlkit.parse(str(self))  # so that it finds the new line too

    def end_pending(self, version: Version) -> None:
        """Take a release's pending mark out."""
        trivia = self._line(version).trivia
        trivia.comment = trivia.comment.replace(PENDING, "").strip()
        if not trivia.comment:
            trivia.comment_ws = ""

    def add_expect(
        self, version: Version, place: Mapping[str, str], expected: Expectation, mark: str | None = None
    ) -> None:
        """Add a block for one release behind the others, under a mark for a person if one is given.

        ``place``: the lane or the world of the block, by its key; empty for all lanes.
        """
        block = tomlkit.table()
        block.trivia.indent = "\n"
        if mark is not None:
            block.add(tomlkit.comment(mark.removeprefix("# ")))
        keys = ("status", "phase", "exception", "cause", "reason", "instead")
        values = {"releases": f"=={version}", **place} | {key: getattr(expected, key) for key in keys}
        block.update({key: value for key, value in values.items() if value is not None})
        blocks = cast(AoT, self._document.setdefault("expect", tomlkit.aot()))
        if blocks:
            # Comments behind the last block are about what comes next.
            body = blocks[-1].value.body
            at = 1 + max(index for index, (key, _) in enumerate(body) if key is not None)
            block.value.body.extend(body[at:])
            del body[at:]
        blocks.append(block)

    @property
    def _table(self) -> Table:
        return cast(Table, self._document["releases"])

    def _line(self, version: Version) -> Item:
        return cast(Item, self._table.value.item(str(version)))


def add_release(text: MatrixText, version: Version, uploaded: datetime.date, api: Api, today: datetime.date) -> None:
    """Add a release, pending until it is measured; with a block of its own where the others do not fit its API."""
    expected = [declared(text.expects, str(version), lane) for lane in text.content["lanes"]]
    fits = not any(mismatch(one, api) for one in expected)
    listed = fits and any(one.status == "listed" for one in expected)  # then nothing is run of it
    cutoff, why = _cutoff(uploaded, today, text.content["period_days"])
    parts = [f"date = {uploaded}"]
    if cutoff is not None and not listed:
        parts.append(f"cutoff = {cutoff}")  # not last: tomlkit 0.15 drops the space between a date and a brace
    parts.append(f'api = "{api}"')
    if not listed and not any(line["api"] == api and line.get("smoke") for line in text.releases.values()):
        parts.append("smoke = true")  # the first of its kind
    key = f'"{version}"'
    mark = "" if listed else f" {PENDING}{why}"
    text.add_line(version, f"{key:<{_KEY_WIDTH}} = {{ {', '.join(parts)} }}{mark}")
    if not fits:
        text.add_expect(version, {}, NO_PPO if api == "none" else Expectation())


def add_draft(text: MatrixText, version: Version, place: Mapping[str, str], seen: Expectation) -> None:
    """Add an expected failure as measured, valid and marked: a person has to say the rest."""
    below = text.below(version)
    instead = "not known yet" if below is None else f"TRL {below} is the release before"
    reason = _PATH.sub("", str(seen.reason))
    expected = Expectation("xfail", reason, seen.phase, seen.exception, cause="ours", instead=instead)
    text.add_expect(version, place, expected, DRAFT)


def _cutoff(uploaded: datetime.date, today: datetime.date, days: int) -> tuple[datetime.date | None, str]:
    """The cut-off that a release needs on its own line, and a comment that says why."""
    wanted = uploaded + datetime.timedelta(days=days)
    # Of a day that is not over, more may still be uploaded.
    settled = max(min(wanted, today - datetime.timedelta(days=1)), uploaded)
    return (None, "") if settled == wanted else (settled, f" # not date + {days}: added on {today}")
