"""The text of matrix.toml: rows go in and out of it, and all else stays as a person wrote it."""

from __future__ import annotations

import datetime
import re
import tomllib

import pytest
from packaging.version import Version

from rldk_maintenance.updating.rows import DRAFT, PENDING, REVIEW, MatrixText, Row, draft_lines, new_row
from rldk_trl.matrix.loader import find_matrix, load_matrix

SHIPPED = find_matrix().read_text(encoding="utf-8")
LATER = datetime.date(2030, 1, 1)


@pytest.fixture
def shipped() -> MatrixText:
    return MatrixText.parse(SHIPPED)


def row_of(matrix: MatrixText, version: str) -> Row:
    return next(row for row in matrix.rows if row.version == Version(version))


def without(matrix: MatrixText, version: str) -> MatrixText:
    return MatrixText(matrix.head, tuple(row for row in matrix.rows if row.version != Version(version)))


def test_the_text_is_read_back_byte_for_byte(shipped):
    assert str(shipped) == SHIPPED
    assert len(shipped.rows) == len(load_matrix().releases)


def test_no_shipped_row_waits_for_a_person():
    waiting = [line for line in SHIPPED.splitlines() if REVIEW.strip() in line]
    assert not waiting, "matrix.toml: judge these rows, then take the lines out"


@pytest.mark.parametrize("version", [str(row.version) for row in MatrixText.parse(SHIPPED).rows])
def test_a_row_goes_back_to_its_place(shipped, version):
    row = row_of(shipped, version)
    assert str(without(shipped, version).insert(row)) == SHIPPED


def test_comments_above_a_row_are_the_rows_and_stay(shipped):
    text = SHIPPED.replace('[[release]]\nversion = "1.1.0"', '# why\n# it is so\n[[release]]\nversion = "1.1.0"')
    matrix = MatrixText.parse(text)
    assert row_of(matrix, "1.1.0").text.startswith("# why\n# it is so\n[[release]]")
    back = without(matrix, "1.0.0").insert(row_of(shipped, "1.0.0"))
    assert str(back) == text


def measured(row: Row) -> str:
    """A new row as it stands once its cells did what it declares."""
    assert row.pending
    return row.without(PENDING).text


@pytest.mark.parametrize("version", ["0.9.3", "0.11.4", "0.23.1", "0.29.1", "1.0.0rc1", "1.13.0", "1.14.1", "1.16.0"])
def test_a_hidden_row_is_written_the_same(shipped, version):
    row = row_of(shipped, version)
    content = row.content
    made = new_row(without(shipped, version), row.version, content["date"], content["api"], LATER)
    assert measured(made) == row.text


@pytest.mark.parametrize("version", ["0.0.1", "0.0.2", "0.1.0"])
def test_a_hidden_listed_row_is_written_the_same(shipped, version):
    row = row_of(shipped, version)
    made = new_row(without(shipped, version), row.version, row.content["date"], "none", LATER)
    assert made.text == row.text


def test_extra_requirements_are_taken_over_between_two_rows_that_have_them(shipped):
    row = row_of(shipped, "0.4.2")
    made = new_row(without(shipped, "0.4.2"), row.version, row.content["date"], "step", LATER)
    assert made.lines("requires") == row.lines("requires") != []
    edge = row_of(shipped, "0.4.6")
    made = new_row(without(shipped, "0.4.6"), edge.version, edge.content["date"], "step", LATER)
    assert made.lines("requires") == []


def test_the_cutoff_of_a_fresh_release_is_a_day_that_is_over(shipped):
    uploaded = datetime.date(2026, 11, 18)
    made = new_row(shipped, Version("1.17.0"), uploaded, "none", datetime.date(2026, 11, 22))
    assert made.content["cutoff"] == datetime.date(2026, 11, 21)
    assert made.lines("cutoff") == ["cutoff = 2026-11-21 # not date + 10: added on 2026-11-22"]
    made = new_row(shipped, Version("1.17.0"), uploaded, "none", uploaded)
    assert made.content["cutoff"] == uploaded


def test_ppo_that_comes_back_or_goes_where_it_was_not_gone_is_not_explained_by_a_neighbour(shipped):
    back = new_row(shipped, Version("2.0.0"), LATER, "train", LATER)
    assert "expect" not in back.content
    gone = new_row(shipped, Version("0.20.1"), LATER, "none", LATER)
    assert gone.content["reason"] == "its files define no PPOTrainer with step or train"


def test_draft_is_valid_and_marked(shipped, tmp_path):
    nasty = 'cannot import "x" \\ é'
    row = new_row(shipped, Version("2.0.0"), LATER, "train", LATER).without(PENDING)
    said = nasty + " (/tmp/x/site-packages/trl/__init__.py)"
    row = Row("\n".join([row.text, *draft_lines("import", "ImportError", said, shipped.rows[-1])]))
    assert DRAFT in row.text
    path = tmp_path / "matrix.toml"
    path.write_text(str(shipped.insert(row)), encoding="utf-8")
    declared = load_matrix(path).releases[-1].expectation
    assert (declared.status, declared.phase, declared.reason) == ("xfail", "import", nasty)
    assert declared.instead == "TRL 1.16.0 is the release before"


def test_every_row_is_toml_by_itself(shipped):
    for row in shipped.rows:
        assert list(tomllib.loads(row.text)) == ["release"]
        assert re.match(r"(#.*\n)*\[\[release\]\]\n", row.text)
