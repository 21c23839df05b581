"""The text of matrix.toml: lines and blocks are added to it, and all else stays as a person wrote it."""

from __future__ import annotations

import datetime
import random
import tomllib

import pytest
from matrix_lines import SHIPPED, line_of, without
from packaging.version import Version

from rldk_maintenance.errors import MaintenanceError
from rldk_maintenance.updating import rows
from rldk_maintenance.updating.rows import DRAFT, PENDING, REVIEW, MatrixText, add_draft, add_release
from rldk_trl.matrix.loader import load_matrix
from rldk_trl.matrix.schema import Expectation

LATER = datetime.date(2030, 1, 1)
LINES = {str(version): line for version, line in MatrixText(SHIPPED).releases.items()}
SEEN = Expectation("xfail", "KeyError: 1", "test", "KeyError")
DRAFTED = """[[expect]]
# REVIEW: drafted by matrix_update: say why, the cause and what to do instead, then take this line out
releases = "==2.0.0"
lane = "period"
status = "xfail"
phase = "test"
exception = "KeyError"
cause = "ours"
reason = "KeyError: 1"
instead = "TRL 1.16.0 is the release before"

"""


@pytest.fixture
def load(tmp_path):
    """What a text says to the matrix's own reader."""

    def loaded(text: MatrixText):
        path = tmp_path / "matrix.toml"
        path.write_text(str(text), encoding="utf-8")
        return {release.version: release for release in load_matrix(path).releases}

    return loaded


def added(text: str, version: str, api: str, uploaded: datetime.date = LATER, today: datetime.date = LATER):
    matrix = MatrixText(text)
    add_release(matrix, Version(version), uploaded, api, today)
    return matrix


def again(version: str) -> MatrixText:
    """The shipped text after a release was hidden from it and added anew."""
    return added(without(version), version, LINES[version]["api"], LINES[version]["date"])


def test_the_text_is_read_back_byte_for_byte():
    assert str(MatrixText(SHIPPED)) == SHIPPED
    assert len(LINES) == len(load_matrix().releases)


def test_a_text_that_tomlkit_would_change_is_refused(monkeypatch):
    parse = rows.tomlkit.parse
    # Stands in for a tomlkit that drops a space, as 0.15 does between a date and a brace.
    monkeypatch.setattr(rows.tomlkit, "parse", lambda text: parse(text.replace('"none" }', '"none"}')))
    with pytest.raises(
        MaintenanceError, match=r"^matrix\.toml: tomlkit would write line \d+, .*none\" }', as .*; do "
    ):
        MatrixText(SHIPPED)


def test_a_text_that_is_not_toml_is_one_line():
    with pytest.raises(MaintenanceError, match=r"^matrix\.toml: not valid TOML \(.*\); correct that place$"):
        MatrixText(SHIPPED + '"2.0.0" = {')


def test_no_shipped_row_waits_for_a_person():
    waiting = [line for line in SHIPPED.splitlines() if REVIEW.strip() in line]
    assert not waiting, "matrix.toml: judge these rows, then take the lines out"


def test_each_row_goes_to_its_place_in_whatever_order_they_come():
    text = MatrixText(without(*LINES))
    assert text.releases == {}
    for version in random.Random(0).sample(list(LINES), len(LINES)):
        text.add_line(Version(version), line_of(version))
    assert str(text) == SHIPPED


def test_comments_above_and_behind_a_row_are_the_rows_and_stay():
    text = SHIPPED.replace(line_of("1.1.0"), f"# why\n# it is so\n{line_of('1.1.0')} # and so\n# two\n\n# more")
    text = text.replace(line_of("0.0.1"), f"\n# first\n{line_of('0.0.1')}") + "# the end\n"
    matrix = MatrixText(text.replace(line_of("1.0.0") + "\n", ""))
    matrix.add_line(Version("1.0.0"), line_of("1.0.0"))
    assert str(matrix) == text
    matrix.add_line(Version("0.0.0"), '"0.0.0" = { date = 2020-01-01, api = "none" }')
    matrix.add_line(Version("2.0.0"), '"2.0.0" = { date = 2030-01-01, api = "none" }')
    new = [line for line in str(matrix).splitlines() if line not in text.splitlines()]
    assert [line[:7] for line in new] == ['"0.0.0"', '"2.0.0"']
    assert str(matrix).replace(new[0] + "\n", "").replace(new[1] + "\n", "") == text


@pytest.mark.parametrize("version", ["0.9.3", "0.11.4", "0.23.1", "0.29.1", "1.0.0rc1", "1.13.0", "1.14.1", "1.16.0"])
def test_a_hidden_row_is_written_the_same(version):
    made = again(version)
    assert made.pending == [Version(version)]
    assert str(made) == SHIPPED.replace(line_of(version), f"{line_of(version)} {PENDING}")
    made.end_pending(Version(version))
    assert str(made) == SHIPPED


@pytest.mark.parametrize("version", ["0.0.1", "0.0.2", "0.1.0"])
def test_a_hidden_listed_row_is_written_the_same(version):
    assert str(again(version)) == SHIPPED


@pytest.mark.parametrize("version", ["0.4.2", "0.4.6", "0.6.0", "0.9.6"])
def test_a_hidden_row_has_the_requirements_and_expectations_of_the_blocks(load, version):
    assert load(again(version)) == load(MatrixText(SHIPPED))


def test_a_new_row_has_the_requirements_of_the_releases_around_it(load):
    releases = load(added(SHIPPED, "0.4.8", "step"))
    assert releases["0.4.8"].requires == ("peft",)
    assert load(added(SHIPPED, "0.4.6.post1", "step"))["0.4.6.post1"].requires == ("peft", "setuptools<81")


def test_the_cutoff_of_a_fresh_release_is_a_day_that_is_over(load):
    uploaded = datetime.date(2026, 11, 18)
    made = added(SHIPPED, "1.17.0", "none", uploaded, datetime.date(2026, 11, 22))
    assert load(made)["1.17.0"].cutoff == datetime.date(2026, 11, 21)
    line = '"1.17.0"   = { date = 2026-11-18, cutoff = 2026-11-21, api = "none" }'
    assert str(made) == f"{SHIPPED}{line} {PENDING} # not date + 10: added on 2026-11-22\n"
    made.end_pending(Version("1.17.0"))
    assert str(made) == f"{SHIPPED}{line} # not date + 10: added on 2026-11-22\n"
    made = added(SHIPPED, "1.17.0", "none", uploaded, uploaded)
    assert load(made)["1.17.0"].cutoff == uploaded


def test_ppo_that_comes_back_or_goes_where_it_was_not_gone_is_not_explained_by_a_range(load):
    back = load(added(SHIPPED, "2.0.0", "train"))
    assert {back["2.0.0"].expected(lane).status for lane in ("period", "today")} == {"pass"}
    assert back["1.16.0"] == load(MatrixText(SHIPPED))["1.16.0"]
    gone = load(added(SHIPPED, "0.20.1", "none"))["0.20.1"]
    assert (gone.expectation.status, gone.expected("today").status) == ("no-ppo", "no-ppo")
    assert gone.expectation.reason == "its files define no PPOTrainer with step or train"


def test_draft_is_valid_and_marked(load):
    nasty = 'cannot import "x" \\ é'
    text = added(SHIPPED, "2.0.0", "train")
    said = nasty + " (/tmp/x/site-packages/trl/__init__.py)"
    add_draft(text, Version("2.0.0"), {"lane": "period"}, Expectation("xfail", said, "import", "ImportError"))
    assert DRAFT in str(text)
    releases = load(text)
    declared = releases["2.0.0"].expectation
    assert (declared.status, declared.phase, declared.reason) == ("xfail", "import", nasty)
    assert declared.instead == "TRL 1.16.0 is the release before"
    assert releases["2.0.0"].expected("today").status == "pass"


def test_a_draft_is_the_last_block_and_the_comments_behind_stay_behind():
    text = MatrixText(SHIPPED)
    add_draft(text, Version("2.0.0"), {"lane": "period"}, SEEN)
    behind = SHIPPED.index("# Extra requirements for lane period")
    assert str(text) == SHIPPED[:behind] + DRAFTED + SHIPPED[behind:]
    add_draft(text, Version("2.0.0"), {"lane": "today"}, SEEN)
    assert str(text) == SHIPPED[:behind] + DRAFTED + DRAFTED.replace("period", "today") + SHIPPED[behind:]


def test_a_draft_in_a_file_without_blocks():
    only = f"[releases]\n{line_of('1.16.0')}\n"
    text = MatrixText(only)
    add_draft(text, Version("2.0.0"), {"lane": "period"}, SEEN)
    assert str(text) + "\n" == f"{only}\n{DRAFTED}"


def test_every_row_is_one_line_of_toml_by_itself():
    for version, content in LINES.items():
        assert tomllib.loads(line_of(version)) == {version: content}
