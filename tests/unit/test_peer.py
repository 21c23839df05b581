"""How `nox -s peer` finds TRL's own tests, and what it says of their three runs."""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path

import pytest

from rldk_maintenance.errors import MaintenanceError
from rldk_maintenance.peer.command import summarize
from rldk_maintenance.peer.sources import fetch_tests
from rldk_trl.runner.junit import Failure, JUnitReport, TestCounts


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An index in a folder, as pip reads one, with TRL 1.0 and 2.0; only 1.0 has tests."""
    folder = tmp_path / "index" / "trl"
    folder.mkdir(parents=True)
    for release, files in {
        "1.0": ["tests/test_ppo_trainer.py", "trl/__init__.py"],
        "2.0": ["trl/__init__.py"],
    }.items():
        content = io.BytesIO()
        with tarfile.open(fileobj=content, mode="w:gz") as archive:
            for name in files:
                member = tarfile.TarInfo(f"trl-{release}/{name}")
                member.size = 4
                archive.addfile(member, io.BytesIO(b"sdst"))
        (folder / f"trl-{release}.tar.gz").write_bytes(content.getvalue())
    links = "".join(f'<a href="trl-{release}.tar.gz">trl-{release}.tar.gz</a>' for release in ("1.0", "2.0"))
    # The page's own address is the base of its links.
    (folder / "index.html").write_text(f'<html><head><base href="{folder.as_uri()}/"></head>{links}</html>')
    monkeypatch.setenv("UV_DEFAULT_INDEX", folder.parent.as_uri())
    return folder


@pytest.fixture
def repository(tmp_path: Path) -> str:
    """A git repository with the tests at v1.9 and v2.1; `v1.9` is the newest tag before 2.0."""
    folder = tmp_path / "repository"
    (folder / "tests" / "experimental").mkdir(parents=True)

    def git(*arguments: str) -> None:
        who = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
        subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)

    git("init", "--quiet")
    for tag in ("v1.9", "nightly", "v2.1"):
        (folder / "tests" / "experimental" / "test_ppo_trainer.py").write_text(tag)
        git("add", ".")
        git("commit", "--quiet", "-m", tag)
        git("tag", tag)
    return str(folder)


def fetch(release: str, folder: Path, repository: str) -> tuple[Path, str]:
    folder.mkdir()
    return fetch_tests(release, folder, repository)


def test_the_source_distribution_comes_first(index: Path, repository: str, tmp_path: Path) -> None:
    found, source = fetch("1.0", tmp_path / "work", repository)

    assert (found.read_text(), source) == ("sdst", "the source distribution of TRL 1.0")
    assert (tmp_path / "work/tests/__init__.py").exists()
    assert not (tmp_path / "work/trl").exists()


def test_without_tests_in_it_the_newest_tag_before_the_release(index: Path, repository: str, tmp_path: Path) -> None:
    found, source = fetch("2.0", tmp_path / "work", repository)

    assert (found.read_text(), source) == ("v1.9", "TRL's repository at tag v1.9")


@pytest.mark.parametrize(
    ("release", "repository", "said"),
    [
        ("3.0", "unused", "the index has no source distribution of TRL 3.0"),
        ("2.0", "/nowhere", "git ls-remote: .*name --repository"),
    ],
)
def test_what_cannot_be_had_is_one_line(index: Path, tmp_path: Path, release: str, repository: str, said: str) -> None:
    with pytest.raises(MaintenanceError, match=f"^peer: {said}") as raised:
        fetch(release, tmp_path / "work", repository)

    assert "\n" not in str(raised.value)


def report(passed: int, **failures: str) -> JUnitReport:
    found = tuple(Failure(test, "unknown", message) for test, message in failures.items())
    return JUnitReport(TestCounts(passed=passed, failed=len(found)), found)


def test_a_summary_names_what_ends_differently_and_wrong_verdicts() -> None:
    reports = {
        "alone": report(2, numbers="assert 1 == 2"),
        "validated": report(2, numbers="assert 1 == 2"),
        "created": report(1, numbers="assert 1 == 2", step="ValueError: no\nmore"),
    }
    record = [
        {"valid": False, "issues": ["too few prompts"], "error": None},
        {"valid": True, "issues": [], "error": "ValueError: raw"},
        {"valid": False, "issues": ["right"], "error": "ValueError: raw too"},
        {"valid": True, "issues": [], "error": None},
    ]

    summary = summarize("1.0", "somewhere", [], reports, record)

    assert summary["changed"] == ["step (created): ValueError: no"]
    assert summary["failures_alone"] == {"numbers": ["assert 1 == 2"]}
    assert summary["constructions"] == len(record)
    assert summary["invalid_but_built"] == ["too few prompts"]
    assert summary["valid_but_failed"] == ["ValueError: raw"]


def test_a_test_that_passes_only_with_ours_is_named_too() -> None:
    reports = {"alone": report(1, step="ValueError: no"), "validated": report(2), "created": report(2)}

    assert summarize("1.0", "", [], reports, [])["changed"] == ["step (created): passes", "step (validated): passes"]
