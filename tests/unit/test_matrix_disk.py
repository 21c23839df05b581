"""The disk budget for environments."""

from __future__ import annotations

import os

import pytest

from rldk_trl.errors import RunError
from rldk_trl.runner.disk import budget_bytes, prune, record_use


@pytest.fixture
def environments(tmp_path):
    made = []
    for age, name in enumerate(["newest", "middle", "oldest"]):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "data").write_bytes(b"x" * 100_000)
        record_use(folder)
        os.utime(folder / ".rldk-trl-used", (1e9 - age, 1e9 - age))
        made.append(folder)
    return made


def test_the_longest_unused_go_first(environments):
    newest, middle, oldest = environments
    assert prune(environments, 250_000) == [oldest]
    assert not oldest.exists()
    assert prune([newest, middle], 250_000) == []
    assert prune(environments, 0) == [middle, newest]


def test_what_is_in_use_stays(environments):
    newest, middle, oldest = environments
    assert prune(environments, 0, in_use=oldest) == [middle, newest]
    assert oldest.exists()


def test_a_hard_link_counts_in_part(tmp_path):
    cache, environment = tmp_path / "cache", tmp_path / "env"
    cache.mkdir()
    environment.mkdir()
    (cache / "data").write_bytes(b"x" * 100_000)
    os.link(cache / "data", environment / "data")
    assert 40_000 < record_use(environment) < 60_000


@pytest.mark.parametrize(("text", "expected"), [("2", 2e9), ("0.5", 0.5e9), ("0", 0.0)])
def test_budget(text, expected):
    assert budget_bytes({"RLDK_TRL_DISK_GB": text}) == expected
    assert budget_bytes({}) == 10e9


@pytest.mark.parametrize("text", ["many", "-1", "inf", "nan", ""])
def test_a_bad_budget_is_one_line(text):
    with pytest.raises(RunError, match=r"^RLDK_TRL_DISK_GB=.*write a number of gigabytes"):
        budget_bytes({"RLDK_TRL_DISK_GB": text})
