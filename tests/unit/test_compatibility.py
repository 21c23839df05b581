"""`check_trl_compatibility` for releases that are not installed."""

from __future__ import annotations

import re

import pytest
from packaging.version import Version

from rldk.integrations.trl import check_trl_compatibility
from rldk.integrations.trl.advice.compatibility import measured_releases
from rldk_trl.matrix.loader import load_matrix

KEYS = {
    "trl_available",
    "version",
    "warnings",
    "recommendations",
    "ppo_available",
    "ppo_api",
    "ppo_module",
    "tested",
}


def facts(version):
    answer = check_trl_compatibility(version)
    assert set(answer) == KEYS
    assert all("\n" not in line for line in answer["warnings"] + answer["recommendations"])
    return answer["ppo_available"], answer["ppo_api"], answer["ppo_module"], answer["tested"]


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("0.1.0", (False, None, None, False)),
        ("0.23.0", (True, "train", "trl", True)),
        ("0.23.0.dev0", (True, "train", "trl", False)),
        ("0.26.0.dev0", (True, "train", "trl.experimental.ppo", False)),
        ("0.23.0+local", (True, "train", "trl", True)),
        ("1.12.0", (True, "train", "trl.experimental.ppo", True)),
        ("1.13.0", (False, None, None, False)),
        ("1.13.0.dev0", (False, None, None, False)),
        ("99", (False, None, None, False)),
        ("not a version", (False, None, None, False)),
        ("", (False, None, None, False)),
    ],
)
def test_named_releases(version, expected):
    assert facts(version) == expected


def test_0_7_0_is_warned_of_its_transformers():
    answer = check_trl_compatibility("0.7.0")
    assert (answer["ppo_api"], answer["ppo_module"]) == ("step", "trl")
    assert any("top_k_top_p_filtering" in line and "#1409" in line for line in answer["warnings"])
    assert "pip install 'transformers<4.39', or use TRL 0.8.0 or newer" in answer["recommendations"]


@pytest.mark.parametrize(("version", "word"), [("0.7.3", "peft"), ("0.9.6", "pyarrow")])
def test_what_only_one_release_has_is_said_of_it_alone(version, word):
    assert any(word in line for line in check_trl_compatibility(version)["warnings"])
    for other in ("0.7.2", "0.7.4", "0.9.4", "0.10.1"):
        assert not any(word in line for line in check_trl_compatibility(other)["warnings"])


def test_1_0_0rc1_is_described_as_1_0_0():
    answer = check_trl_compatibility("1.0.0rc1")
    assert answer["version"] == "1.0.0rc1"
    assert (answer["ppo_api"], answer["ppo_module"]) == ("train", "trl.experimental.ppo")


def test_a_development_build_says_that_nothing_was_measured():
    answer = check_trl_compatibility("0.23.0.dev0")
    assert "was not tested in any row of the matrix" in answer["warnings"][0]
    assert "0.23.0" in answer["warnings"][0]


def test_a_local_build_says_which_release_was_measured():
    assert any("0.23.0 as released" in line for line in check_trl_compatibility("0.23.0+local")["warnings"])


def test_what_does_not_parse_is_a_warning():
    answer = check_trl_compatibility("not a version")
    assert answer["warnings"] == ["'not a version' is not a PEP 440 version, so nothing is known about it"]
    assert answer["recommendations"]


@pytest.mark.parametrize("odd", [3, 0.23, b"0.23.0", ["0.23.0"], Version("0.23.0")], ids=repr)
def test_nothing_raises(odd):
    assert set(check_trl_compatibility(odd)) == KEYS


def test_every_warning_is_backed_by_a_row_or_an_issue():
    for release in load_matrix().releases:
        for line in check_trl_compatibility(release.version)["warnings"]:
            assert re.search(r"#\d+|row of the matrix", line) or "exports a PPOTrainer from 0.2.0 on" in line


def test_what_counts_as_measured_is_what_the_matrix_declares():
    """`measured.json` ships in the library, which does not read the matrix."""
    declared = {
        release.version
        for release in load_matrix().releases
        if release.api != "none" and release.expectation.status == "pass"
    }
    assert measured_releases() == declared


def test_without_trl_it_says_what_to_install(monkeypatch):
    from rldk.integrations.trl.advice import compatibility

    monkeypatch.setattr(compatibility, "installed_version", lambda name: None)
    monkeypatch.setattr(compatibility, "installed_package", lambda: None)
    assert check_trl_compatibility() == {
        "trl_available": False,
        "version": None,
        "warnings": ["TRL is not installed here, so no PPO can run"],
        "recommendations": ["pip install 'trl<1.13' (TRL 0.2.0-1.12.0 have PPO)"],
        "ppo_available": False,
        "ppo_api": None,
        "ppo_module": None,
        "tested": False,
    }
