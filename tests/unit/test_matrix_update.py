"""Keeping the matrix true, against an index that is made up: the real one is asked by no test."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
from matrix_lines import SHIPPED, without
from packaging.version import Version

from rldk_maintenance import locking
from rldk_maintenance.updating.rows import DRAFT, PENDING, MatrixText
from rldk_maintenance.updating.update import Upload, add_locks, add_rows, pending_cells, record
from rldk_trl.errors import ResolutionError
from rldk_trl.matrix.cells import all_cells, find_cell
from rldk_trl.matrix.loader import load_matrix
from rldk_trl.matrix.locks import CONSTRAINTS
from rldk_trl.matrix.schema import SINGLE
from rldk_trl.runner.junit import TestCounts
from rldk_trl.runner.results import CellResult, result_files, write_result

LATER = datetime.date(2030, 1, 1)


class FakeIndex:
    """Stands in for a package index: the matrix's own releases, and more that are given."""

    def __init__(self, **more: str) -> None:
        lines = MatrixText(SHIPPED).releases
        self._api = {version: line["api"] for version, line in lines.items()}
        self._uploads = [Upload(version, line["date"]) for version, line in lines.items()]
        for version, api in more.items():
            self._api[Version(version.replace("_", ".").removeprefix("v"))] = api
            self._uploads.append(Upload(Version(version.replace("_", ".").removeprefix("v")), LATER))

    def releases(self) -> list[Upload]:
        return list(reversed(self._uploads))

    def api(self, version: Version):
        return self._api[version]


@pytest.fixture
def checkout(tmp_path) -> Path:
    (tmp_path / "matrix.toml").write_text(SHIPPED, encoding="utf-8")
    return tmp_path


def hide(checkout: Path, *versions: str) -> Path:
    path = checkout / "matrix.toml"
    path.write_text(without(*versions), encoding="utf-8")
    return path


def show(checkout: Path, cell: str, status: str, phase: str | None = None, reason: str | None = None, **more) -> None:
    trl, _, lane = cell.partition("-")
    write_result(checkout, CellResult(cell, trl, lane or "period", status, phase, reason, 1.0, **more))


def show_worlds(checkout: Path, status: str = "pass", **more) -> None:
    """Let the pending cells of worlds other than single pass."""
    for cell in pending_cells(load_matrix(checkout / "matrix.toml")):
        if cell.world.name != SINGLE:
            show(checkout, cell.id, status, **more)


def test_nothing_new_changes_nothing(checkout):
    path = checkout / "matrix.toml"
    before = path.stat()
    assert add_rows(path, FakeIndex(), LATER) == []
    assert (path.stat().st_ino, path.read_text(encoding="utf-8")) == (before.st_ino, SHIPPED)
    assert pending_cells(load_matrix(path)) == []
    assert record(load_matrix(path), checkout) == []
    assert path.read_text(encoding="utf-8") == SHIPPED


@pytest.mark.parametrize("versions", [("0.23.1",), ("1.16.0",), ("0.1.0", "0.24.0", "1.13.0"), ("1.0.0rc1",)])
def test_a_hidden_release_comes_back_the_same(checkout, versions):
    path = hide(checkout, *versions)
    assert add_rows(path, FakeIndex(), LATER) == sorted(versions, key=Version)
    for cell in pending_cells(load_matrix(path)):
        show(checkout, cell.id, "no-ppo" if cell.release.api == "none" else "pass")
    assert record(load_matrix(path), checkout) == []
    assert path.read_text(encoding="utf-8") == SHIPPED


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("xfail", "it imports `top_k_top_p_filtering`, which transformers 4.39 no longer has"),
        ("fail", "ImportError: cannot import name 'top_k_top_p_filtering'"),
    ],
)
@pytest.mark.parametrize("version", ["0.6.0", "0.9.6"])
def test_a_hidden_release_that_fails_as_its_block_says_comes_back_the_same(checkout, version, status, reason):
    path = hide(checkout, version)
    add_rows(path, FakeIndex(), LATER)
    show_worlds(checkout)
    show(checkout, version, "pass")
    show(checkout, f"{version}-today", status, "import", reason)
    assert record(load_matrix(path), checkout) == []
    assert path.read_text(encoding="utf-8") == SHIPPED


@pytest.mark.parametrize("said", ["", "declared to fail in phase import with ImportError, but: "])
def test_failing_in_another_way_than_the_neighbours_is_a_draft(checkout, said):
    path = hide(checkout, "0.6.0")
    add_rows(path, FakeIndex(), LATER)
    show_worlds(checkout)
    show(checkout, "0.6.0", "pass")
    show(checkout, "0.6.0-today", "fail", "import", f"{said}KeyError: 1")
    assert record(load_matrix(path), checkout) == []
    assert DRAFT in path.read_text(encoding="utf-8")
    declared = find_cell(load_matrix(path), "0.6.0-today").expectation
    assert (declared.phase, declared.exception, declared.reason) == ("import", "KeyError", "KeyError: 1")
    assert find_cell(load_matrix(path), "0.6.0").expectation.status == "pass"


def test_passing_where_the_neighbours_fail_is_a_block_of_its_own(checkout):
    path = hide(checkout, "0.6.0")
    add_rows(path, FakeIndex(), LATER)
    show_worlds(checkout)
    show(checkout, "0.6.0", "pass")
    show(checkout, "0.6.0-today", "xpass", None, "passed, but declared to fail")
    assert record(load_matrix(path), checkout) == []
    releases = {release.version: release for release in load_matrix(path).releases}
    assert releases["0.6.0"].expected("today").status == "pass"
    assert releases["0.5.0"].expected("today").status == "xfail"
    assert DRAFT not in path.read_text(encoding="utf-8")


JUNIT = """<testsuites><testsuite><testcase classname="t" name="a">
<properties><property name="rldk_trl:exception" value="KeyError"/></properties>
<failure message="KeyError: 1">E   KeyError: 1
</failure></testcase></testsuite></testsuites>"""


def test_new_release_that_fails_is_a_draft_in_the_lanes_that_failed(checkout):
    path = checkout / "matrix.toml"
    assert add_rows(path, FakeIndex(v1_17_0="none", v2_0_0="train"), LATER) == ["1.17.0", "2.0.0"]
    matrix = load_matrix(path)
    ids = [cell.id for cell in pending_cells(matrix)]
    assert ids == ["1.17.0", "1.17.0-today", "2.0.0", "2.0.0-today", "2.0.0-ddp"]
    show(checkout, "1.17.0", "no-ppo")
    show(checkout, "1.17.0-today", "no-ppo")
    show(checkout, "2.0.0", "fail", "test", "t.a: KeyError: 1", tests=TestCounts(passed=1, failed=1))
    result_files(checkout, "2.0.0").junit.write_text(JUNIT)
    show_worlds(checkout)
    show(checkout, "2.0.0-today", "pass")
    assert record(matrix, checkout) == []
    after = load_matrix(path)
    assert find_cell(after, "1.17.0-today").expectation.reason == find_cell(after, "1.16.0").expectation.reason
    declared = find_cell(after, "2.0.0").expectation
    assert (declared.status, declared.phase, declared.exception) == ("xfail", "test", "KeyError")
    assert find_cell(after, "2.0.0-today").expectation.status == "pass"
    text = path.read_text(encoding="utf-8")
    assert text.count(DRAFT) == 1
    assert PENDING not in text
    assert is_within(SHIPPED, text)


def is_within(before: str, after: str) -> bool:
    """Whether all lines of a text are in another, in their order: it was only added to."""
    left = iter(after.splitlines())
    return all(line in left for line in before.splitlines())


def test_a_release_that_fails_the_same_in_all_lanes_is_one_draft(checkout):
    path = checkout / "matrix.toml"
    add_rows(path, FakeIndex(v1_17_0="none"), LATER)
    for cell in ("1.17.0", "1.17.0-today"):
        show(checkout, cell, "fail", "import", "KeyError: 1 (/tmp/x/trl/__init__.py)")
    assert record(load_matrix(path), checkout) == []
    text = path.read_text(encoding="utf-8")
    assert text.count(DRAFT) == 1
    assert is_within(SHIPPED, text)
    found = {find_cell(load_matrix(path), cell).expectation for cell in ("1.17.0", "1.17.0-today")}
    assert [(one.status, one.exception, one.reason) for one in found] == [("xfail", "KeyError", "KeyError: 1")]
    assert find_cell(load_matrix(path), "1.16.0").expectation.status == "no-ppo"


def test_ppo_that_comes_back_and_fails_in_all_lanes_is_a_draft_for_each(checkout):
    path = checkout / "matrix.toml"
    add_rows(path, FakeIndex(v2_0_0="train"), LATER)
    show_worlds(checkout)
    for cell in ("2.0.0", "2.0.0-today"):
        show(checkout, cell, "fail", "import", "KeyError: 1")
    assert record(load_matrix(path), checkout) == []
    assert path.read_text(encoding="utf-8").count(DRAFT) == 2
    assert {find_cell(load_matrix(path), cell).expectation.exception for cell in ("2.0.0", "2.0.0-today")} == {
        "KeyError"
    }


def test_a_new_release_that_fails_in_a_world_only_is_a_draft_for_that_world(checkout):
    path = checkout / "matrix.toml"
    add_rows(path, FakeIndex(v2_0_0="train"), LATER)
    for cell in ("2.0.0", "2.0.0-today"):
        show(checkout, cell, "pass")
    show_worlds(checkout, "fail", phase="test", reason="t.a: KeyError: 1", tests=TestCounts(passed=1, failed=1))
    result_files(checkout, "2.0.0-ddp").junit.write_text(JUNIT)
    assert record(load_matrix(path), checkout) == []
    after = load_matrix(path)
    declared = {cell: find_cell(after, cell).expectation for cell in ("2.0.0", "2.0.0-today", "2.0.0-ddp")}
    assert {cell: one.status for cell, one in declared.items()} == {
        "2.0.0": "pass",
        "2.0.0-today": "pass",
        "2.0.0-ddp": "xfail",
    }
    assert (declared["2.0.0-ddp"].phase, declared["2.0.0-ddp"].exception) == ("test", "KeyError")


@pytest.mark.parametrize(
    "shown",
    [
        {},
        {"status": "error", "phase": "install", "reason": "no wheel"},
        {"status": "timeout", "phase": "test"},
        {"status": "pass", "args": ("-k", "one")},
        {"status": "fail", "phase": "test", "tests": TestCounts(failed=1)},  # and no JUnit XML
    ],
    ids=lambda shown: " ".join(map(str, shown.values())) or "not run",
)
def test_what_was_not_measured_stays_pending(checkout, shown):
    path = hide(checkout, "0.24.0")
    add_rows(path, FakeIndex(), LATER)
    show_worlds(checkout)
    show(checkout, "0.24.0", "pass")
    if shown:
        show(checkout, "0.24.0-today", **shown)
    assert record(load_matrix(path), checkout) == ["0.24.0"]
    assert path.read_text(encoding="utf-8").count(PENDING) == 1


def test_a_run_that_was_stopped_goes_on(checkout):
    path = hide(checkout, "0.24.0")
    assert add_rows(path, FakeIndex(), LATER) == ["0.24.0"]
    assert add_rows(path, FakeIndex(), LATER) == []
    assert [cell.id for cell in pending_cells(load_matrix(path))] == ["0.24.0", "0.24.0-today", "0.24.0-ddp"]


def test_only_missing_and_stale_locks_are_resolved(monkeypatch, tmp_path):
    matrix = load_matrix()
    for cell in all_cells(matrix):
        (tmp_path / f"{cell.lock_name}.txt").write_bytes((CONSTRAINTS / f"{cell.lock_name}.txt").read_bytes())
    (tmp_path / "0.24.0.txt").unlink()
    (tmp_path / "0.25.0-today.txt").write_bytes((tmp_path / "0.25.1-today.txt").read_bytes())
    # Stands in for uv: what it resolves is in the shipped locks.
    shipped = {cell.lock_name: (CONSTRAINTS / f"{cell.lock_name}.txt").read_text() for cell in all_cells(matrix)}
    (tmp_path / "0.23.0-deepspeed.txt").unlink()  # of two cells
    monkeypatch.setattr(locking, "resolve", lambda cell, _uv, _env: pins_of(shipped[cell.lock_name]))
    assert add_locks(matrix, "uv", {}, tmp_path) == ["0.23.0-deepspeed.txt", "0.24.0.txt", "0.25.0-today.txt"]
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        f"{name}.txt": text for name, text in shipped.items()
    }


def pins_of(lock: str) -> list[str]:
    return [line for line in lock.splitlines() if not line.startswith("#")]


def test_a_release_that_cannot_be_resolved_is_one_line_and_stays_pending(checkout, monkeypatch):
    def refuse(cell, _uv, _env):  # stands in for uv
        raise ResolutionError(f"{cell.id}: uv cannot resolve it")

    path = hide(checkout, "0.24.0")
    add_rows(path, FakeIndex(), LATER)
    monkeypatch.setattr(locking, "resolve", refuse)
    with pytest.raises(ResolutionError, match="uv cannot resolve it"):
        add_locks(load_matrix(path), "uv", {}, checkout / "no locks here")
    assert pending_cells(load_matrix(path))
