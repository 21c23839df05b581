"""`ppo_changes` between releases that are not installed: each boundary from both sides, forward and back."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from packaging.version import Version

from rldk.integrations.trl.advice import changes
from rldk.integrations.trl.advice.change_entries import ENTRIES
from rldk.integrations.trl.advice.changes import ppo_changes
from rldk.integrations.trl.config.defaults import OPTIONS, config_default, default_runs
from rldk_maintenance.contract import data
from rldk_trl.matrix.loader import load_matrix

CONTRACT = data.load()
# 1.0.0rc1 counts as 1.0.0.
PPO = [
    release.version
    for release in load_matrix().releases
    if release.api != "none" and not Version(release.version).is_prerelease
]


def before(version: str) -> str:
    """The PPO release before a version."""
    return [release for release in PPO if Version(release) < Version(version)][-1]


def about(lines: list[str], words: str) -> list[str]:
    return [line for line in lines if words in line]


@pytest.mark.parametrize("entry", [e for e in ENTRIES if e.since != "0.2.0"], ids=lambda e: f"{e.since}-{e.kind}")
def test_each_change_is_told_across_its_release_only(entry):
    last = before(entry.since)
    (line,) = about(ppo_changes(last, entry.since), entry.now)
    assert line == f"since {entry.since}: {entry.now}; before: {entry.before} ({entry.source})"
    (line,) = about(ppo_changes(entry.since, last), entry.before)
    assert line == f"before {entry.since}: {entry.before}; since then: {entry.now} ({entry.source})"
    assert about(ppo_changes(PPO[0], PPO[-1]), entry.now)
    if last != PPO[0]:
        assert not about(ppo_changes(before(last), last), entry.now)
    if entry.since != PPO[-1]:
        following = PPO[PPO.index(entry.since) + 1]
        assert not about(ppo_changes(entry.since, following), entry.now)


def test_names_that_moved_or_are_gone():
    lines = ppo_changes("0.11.4", "0.29.0")
    (moved,) = about(lines, "names that TRL 0.29.0 has in another module: ")
    assert "trl.PPOTrainer -> trl.experimental.ppo;" in moved
    assert "trl.core.masked_mean -> trl.experimental.ppo.ppo_trainer;" in moved
    assert "create_reference_model" not in moved
    (gone,) = about(lines, "names that TRL 0.29.0 does not have: ")
    assert ", trl.core.LengthSampler, " in gone
    assert "PPOv2Trainer" in gone
    assert not about(ppo_changes("0.29.0", "1.12.0"), "trl.core.")
    assert about(ppo_changes("0.29.0", "0.11.4"), "trl.experimental.ppo.PPOTrainer -> trl;")


@pytest.mark.parametrize(
    ("old", "new", "option", "was", "now"),
    [
        ("0.7.10", "0.7.11", "learning_rate", "1e-05", "1.41e-05"),
        ("0.11.4", "0.12.0", "learning_rate", "1.41e-05", "5e-05"),
        ("0.28.0", "0.29.0", "learning_rate", "5e-05", "3e-06"),
        ("0.7.10", "0.7.11", "batch_size", "256", "128"),
        ("0.7.10", "0.7.11", "mini_batch_size", "1", "128"),
        ("0.7.1", "0.7.2", "target_kl", "0.1", "1"),
        ("0.11.4", "0.12.0", "seed", "0", "42"),
        ("0.18.2", "0.19.0", "bf16", "False", "True"),
        ("0.18.2", "0.19.0", "logging_steps", "500", "10"),
        ("0.21.0", "0.22.0", "gradient_checkpointing", "False", "True"),
        ("0.19.1", "0.20.0", "optim", "'adamw_torch'", "'adamw_torch_fused'"),
    ],
)
def test_defaults_that_changed_without_a_word(old, new, option, was, now):
    line = f"since {new}: the default of {option} is {now}, not {was} (row of the matrix)"
    assert line in ppo_changes(old, new)
    assert f"before {new}: the default of {option} is {was}, not {now} (row of the matrix)" in ppo_changes(new, old)
    assert not about(ppo_changes(before(old), old), f"the default of {option} ")


def test_each_change_of_a_default_is_in_the_list_above_or_told_across_the_apis():
    changed = [
        (since, option)
        for option, runs in default_runs().items()
        for (_, *was), (since, *now) in pairwise(runs)
        if was and now
    ]
    for since, option in changed:
        told = about(ppo_changes(before(since), since), f"the default of {option} ")
        computed = since == "0.12.0" and option in {"batch_size", "mini_batch_size", "max_grad_norm"}
        assert bool(told) != computed, (since, option)


def test_moving_to_the_train_api_names_what_the_two_call_differently():
    lines = ppo_changes("0.11.4", "0.12.0")
    assert (
        "init_kl_coef=0.2, adapted towards target=6" in about(lines, "the default KL coefficient is kl_coef=0.05")[0]
    )
    assert about(lines, "the default batch is 8 prompts per update and process; it was 128 prompts per update")
    (renamed,) = about(lines, "options with other names in TRL 0.12.0")
    for pair in ("ppo_epochs -> num_ppo_epochs", "steps -> total_episodes", "log_with -> report_to"):
        assert pair in renamed
    (gone,) = about(lines, "options that TRL 0.12.0 does not have: ")
    assert {"target_kl", "horizon", "max_grad_norm"} <= set(re.findall(r"\w+", gone))
    (new,) = about(lines, "options that TRL 0.12.0 has and 0.11.4 does not have: ")
    assert {"stop_token", "missing_eos_penalty"} <= set(re.findall(r"\w+", new))
    assert "num_ppo_epochs" not in re.findall(r"\w+", new)


def test_an_option_of_one_release_is_told_at_its_boundary():
    assert about(ppo_changes("0.16.1", "0.17.0"), "options that TRL 0.17.0 has and 0.16.1 does not have: kl_estimator")
    assert about(ppo_changes("0.17.0", "0.16.1"), "options that TRL 0.16.1 does not have: kl_estimator")


def test_the_most_important_comes_first():
    lines = ppo_changes("0.7.11", "1.12.0")
    words = (
        "has only train()",
        "deprecated stubs",
        "PPOTrainer(config",
        "options that TRL 1.12.0 does not have",
        "default of learning_rate",
        "#2531",
    )
    places = [lines.index(about(lines, word)[0]) for word in words]
    assert places == sorted(places)


def test_every_line_is_one_line_and_names_what_backs_it():
    for old, new in pairwise(PPO):
        for lines in (ppo_changes(old, new), ppo_changes(new, old)[1:]):
            for line in lines:
                assert "\n" not in line
                assert re.search(
                    r"\((huggingface/trl#\d+|row of the matrix|read in every wheel: docs/generations\.md)\)$", line
                )


def test_going_back_is_said():
    assert ppo_changes("0.12.0", "0.11.4")[0].startswith("going back from 0.12.0 to 0.11.4: ")


@pytest.mark.parametrize("version", ["0.2.0", "0.23.0", "1.12.0", "1.16.0"])
def test_nothing_changes_within_one_release(version):
    assert ppo_changes(version, version) == []
    assert ppo_changes(version, f"{version}+local") == []


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        (
            "1.12.0",
            "1.13.0",
            "TRL 1.13.0 has no PPO, because it was deleted in 1.13.0 (huggingface/trl#7020): use a release with PPO (",
        ),
        (
            "1.13.0",
            "1.12.0",
            "TRL 1.12.0 has PPO, but 1.13.0 does not, because it was deleted in 1.13.0 (huggingface/trl#7020)",
        ),
        ("0.2.0", "0.1.1", "TRL 0.1.1 has no PPO, because `trl` exports a PPOTrainer from 0.2.0 on"),
        ("1.13.0", "1.16.0", "neither TRL 1.13.0 nor 1.16.0 has PPO: TRL 0.2.0-1.12.0 have it"),
        ("0.0.1", "99", "neither TRL 0.0.1 nor 99 has PPO"),
    ],
)
def test_where_there_is_no_ppo(old, new, line):
    assert ppo_changes(old, new)[-1].startswith(line)


def test_a_release_that_was_not_measured_is_described_by_the_nearest():
    first, *rest = ppo_changes("0.22.2", "0.23.0.dev0")
    assert first.endswith("so it is described as 0.23.0; nearest tested releases: 0.22.2, 0.23.0")
    assert rest == ppo_changes("0.22.2", "0.23.0")
    assert ppo_changes("0.9.5", "0.9.6")[0].endswith("nearest tested releases: 0.9.4, 0.9.6")
    assert ppo_changes("0.29.1", "1.0.0rc1") == ppo_changes("0.29.1", Version("1.0.0"))


@pytest.mark.parametrize("odd", ["", "not a version", "0.23.x", 3, ["0.23.0"]], ids=repr)
def test_what_does_not_parse_is_one_line(odd):
    for arguments in ((odd, "0.23.0"), ("0.23.0", odd)):
        with pytest.raises(
            ValueError, match=r"^(old|new) version .* is not a PEP 440 version: pass a release like '0\.23\.0'$"
        ):
            ppo_changes(*arguments)


def test_none_is_the_installed_release(monkeypatch):
    monkeypatch.setattr(changes, "installed_version", lambda _: Version("0.12.0"))
    assert ppo_changes("0.11.4") == ppo_changes("0.11.4", "0.12.0")
    monkeypatch.setattr(changes, "installed_version", lambda _: None)
    with pytest.raises(ValueError, match=r"^TRL is not installed here: pass the second version"):
        ppo_changes("0.11.4")


def test_measured_defaults_are_those_that_were_read_in_the_wheels():
    """Built configs against syntax trees; bf16's default is set after construction, where the wheel says None."""
    held = 0
    for option in OPTIONS:
        for version in PPO:
            read = CONTRACT.at(version, f"config PPOConfig {option}")
            if read is not None and option != "bf16":
                (measured,) = config_default(option, Version(version))
                assert repr(measured) == read or float(measured) == float(str(read)), (option, version)
                held += 1
    assert held > 1500


@pytest.mark.parametrize(
    ("fact", "first", "last"),
    [
        ("exported trl PPOv2Trainer", "0.11.0", "0.12.2"),
        ("exported trl.experimental.ppo PPOTrainer", "0.26.0", "1.12.0"),
        ("exported trl PPOTrainer", "0.2.0", "0.28.0"),
        ("exported trl.experimental.ppo AutoModelForCausalLMWithValueHead", "0.27.0", "1.12.0"),
        ("exported trl AutoModelForCausalLMWithValueHead", "0.2.0", "0.28.0"),
    ],
)
def test_the_modules_are_those_that_were_read(fact, first, last):
    runs = CONTRACT.runs(fact)
    assert (runs[0].first, runs[-1].last) == (first, last)
