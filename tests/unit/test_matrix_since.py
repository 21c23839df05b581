"""`--since REV`: what git says has changed, and which cells it touches."""

from __future__ import annotations

import subprocess

import pytest

from rldk_trl.errors import RunError
from rldk_trl.matrix.cells import find_cell
from rldk_trl.matrix.loader import load_matrix
from rldk_trl.runner.since import changed_files, row_changed, touches


@pytest.fixture
def checkout(tmp_path):
    def git(*arguments):
        subprocess.run(["git", "-c", "user.name=n", "-c", "user.email=e", *arguments], cwd=tmp_path, check=True)

    (tmp_path / "a.py").write_text("1")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/b.py").write_text("1")
    matrix = load_matrix().path.read_text(encoding="utf-8")
    (tmp_path / "matrix.toml").write_text(matrix)
    git("init", "-q")
    git("add", "-A")
    git("commit", "-qm", "first")
    return tmp_path


def test_changed_and_untracked_files(checkout):
    assert changed_files(checkout, "HEAD") == frozenset()
    (checkout / "folder/b.py").write_text("2")
    (checkout / "new file.py").write_text("1")
    assert changed_files(checkout, "HEAD") == {checkout / "folder/b.py", checkout / "new file.py"}
    assert changed_files(checkout / "folder", "HEAD") == changed_files(checkout, "HEAD")


def test_touches_files_and_folders(checkout):
    changed = {checkout / "folder/b.py"}
    assert touches(changed, [checkout / "folder"])
    assert touches(changed, [checkout / "folder/b.py"])
    assert not touches(changed, [checkout / "a.py"])
    assert not touches(changed, [])


def test_only_the_changed_row_counts(checkout):
    path = checkout / "matrix.toml"
    path.write_text(path.read_text().replace("{ date = 2025-09-10, api", "{ date = 2025-09-09, api"))
    matrix = load_matrix(path)
    assert row_changed(find_cell(matrix, "0.23.0"), "HEAD")
    assert not row_changed(find_cell(matrix, "0.12.2"), "HEAD")


def test_a_block_that_changed_touches_the_releases_that_it_speaks_of(checkout):
    path = checkout / "matrix.toml"
    path.write_text(path.read_text().replace("sets no upper bound", "sets no bound").replace("<81", "<80"))
    matrix = load_matrix(path)
    changed = [
        cell
        for cell in ("0.4.6", "0.4.6-today", "0.4.7", "0.4.7-today", "0.8.0-today", "0.23.0")
        if row_changed(find_cell(matrix, cell), "HEAD")
    ]
    assert changed == ["0.4.6", "0.4.6-today", "0.4.7-today"]


def test_a_revision_in_an_older_form_touches_every_row(checkout):
    path = checkout / "matrix.toml"
    new = path.read_text()
    path.write_text('schema = 1\n[[release]]\nversion = "0.23.0"\ndate = 2025-09-10\napi = "train"\n')
    subprocess.run(
        ["git", "-c", "user.name=n", "-c", "user.email=e", "commit", "-qam", "old"], cwd=checkout, check=True
    )
    path.write_text(new)
    assert row_changed(find_cell(load_matrix(path), "0.23.0"), "HEAD")
    assert not row_changed(find_cell(load_matrix(path), "0.23.0"), "HEAD~")


@pytest.mark.parametrize("revision", ["nothing-of-that-name", "--output=x"])
def test_no_such_revision_is_one_line(checkout, revision):
    with pytest.raises(RunError, match=f"^--since {revision}: git reports: ") as caught:
        changed_files(checkout, revision)
    assert "\n" not in str(caught.value)


def test_outside_a_checkout_is_one_line(tmp_path):
    with pytest.raises(RunError, match=r"git reports: .*not a git repository"):
        changed_files(tmp_path, "HEAD")
