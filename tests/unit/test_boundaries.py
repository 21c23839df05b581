"""Each line of the table of API generations, on both sides: the last release before it and the first one after.

What is asserted was read from the releases' own wheels: `nox -s trl_contract` writes it, no network here.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from rldk.integrations.trl.config.refusals import option_releases, refusal
from rldk.integrations.trl.releases import boundaries
from rldk.integrations.trl.releases.boundaries import PPO_DELETED, PPO_RELEASES
from rldk_maintenance.contract import data, tables
from rldk_maintenance.contract import option_releases as made
from rldk_maintenance.contract.collect import problems
from rldk_maintenance.errors import ContractError

CONTRACT = data.load()
ORDER = [release.version for release in CONTRACT.releases]
MISSING = None
HEAD = "AutoModelForCausalLMWithValueHead"


def neighbours(last_before: str, first_after: str) -> None:
    assert ORDER.index(first_after) == ORDER.index(last_before) + 1, "there is a release between the two"


# (the last release before, the first one after, what was read, before, after)
BOUNDARIES = [
    ("0.1.0", "0.2.0", "ppo", MISSING, "step trl"),
    ("0.1.0", "0.2.0", "exported trl PPOTrainer", MISSING, "trl.trainer.ppo_trainer"),
    ("0.1.0", "0.2.0", f"exported trl {HEAD}", MISSING, "trl.models.modeling_value_head"),
    ("0.8.6", "0.9.2", "defined PPOv2Trainer", MISSING, ["trl.trainer.ppov2_trainer"]),
    ("0.10.1", "0.11.0", "exported trl PPOv2Trainer", MISSING, "trl.trainer.ppov2_trainer"),
    ("0.10.1", "0.11.0", "warns PPOTrainer", MISSING, ["FutureWarning"]),
    ("0.10.1", "0.11.0", "config PPOv2Config missing_eos_penalty", MISSING, "None"),
    ("0.10.1", "0.11.0", "config PPOv2Config non_eos_penalty", "False", MISSING),
    ("0.11.4", "0.12.0", "ppo", "step trl", "train trl"),
    ("0.11.4", "0.12.0", "warns PPOv2Trainer", MISSING, ["DeprecationWarning"]),
    ("0.11.4", "0.12.0", "config PPOConfig missing_eos_penalty", MISSING, "None"),
    ("0.11.4", "0.12.0", "config PPOConfig init_kl_coef", "0.2", MISSING),
    ("0.11.4", "0.12.0", "config PPOConfig kl_coef", MISSING, "0.05"),
    ("0.11.4", "0.12.0", "config bases PPOConfig", [], ["transformers.TrainingArguments"]),
    ("0.12.2", "0.13.0", "exported trl PPOv2Trainer", "trl.trainer.ppov2_trainer", MISSING),
    ("0.12.2", "0.13.0", "config PPOConfig model_adapter_name", MISSING, "None"),
    ("0.13.0", "0.14.0", "config PPOConfig ds3_gather_for_generation", MISSING, "True"),
    ("0.16.1", "0.17.0", "config PPOConfig kl_estimator", MISSING, "'k1'"),
    ("0.18.2", "0.19.0", "config PPOConfig bf16", MISSING, "None"),
    (
        *("0.18.2", "0.19.0", "post_init PPOConfig bf16", MISSING),
        "not self.fp16 if self.bf16 is None else self.bf16",
    ),
    ("0.18.2", "0.19.0", "config PPOConfig logging_steps", MISSING, "10"),
    ("0.21.0", "0.22.0", "config PPOConfig gradient_checkpointing", MISSING, "True"),
    ("0.23.1", "0.24.0", "warns PPOTrainer", MISSING, ["UserWarning"]),
    ("0.25.1", "0.26.0", "warns PPOTrainer", ["UserWarning"], MISSING),
    ("0.25.1", "0.26.0", "warns trl.PPOTrainer", MISSING, ["FutureWarning"]),
    ("0.25.1", "0.26.0", "ppo", "train trl", "train trl.experimental.ppo"),
    ("0.25.1", "0.26.0", "constructor trl.PPOTrainer", MISSING, ["*args", "**kwargs"]),
    ("0.25.1", "0.26.0", f"exported trl.experimental.ppo {HEAD}", MISSING, MISSING),
    ("0.26.2", "0.27.0", f"exported trl.experimental.ppo {HEAD}", MISSING, "trl.experimental.ppo.modeling_value_head"),
    ("0.28.0", "0.29.0", "exported trl PPOTrainer", "trl.trainer.ppo_trainer", MISSING),
    ("0.28.0", "0.29.0", f"exported trl {HEAD}", "trl.models.modeling_value_head", MISSING),
    ("0.28.0", "0.29.0", "config PPOConfig learning_rate", MISSING, "3e-06"),
    ("1.12.0", "1.13.0", "ppo", "train trl.experimental.ppo", MISSING),
    ("1.12.0", "1.13.0", "exported trl.experimental.ppo PPOTrainer", "trl.experimental.ppo.ppo_trainer", MISSING),
    ("1.12.0", "1.13.0", f"defined {HEAD}", ["trl.experimental.ppo.modeling_value_head"], MISSING),
    # The step API's small differences.
    ("0.2.1", "0.3.0", "config PPOConfig mini_batch_size", MISSING, "1"),
    ("0.7.1", "0.7.2", "config PPOConfig target_kl", "0.1", "1"),
    ("0.7.10", "0.7.11", "config PPOConfig learning_rate", "1e-05", "1.41e-05"),
    ("0.7.10", "0.7.11", "config PPOConfig batch_size", "256", "128"),
    ("0.7.10", "0.7.11", "config PPOConfig mini_batch_size", "1", "128"),
]


@pytest.mark.parametrize(("before", "after", "fact", "was", "then"), BOUNDARIES)
def test_boundary(before, after, fact, was, then):
    neighbours(before, after)
    assert CONTRACT.at(before, fact) == was
    assert CONTRACT.at(after, fact) == then


STEP = ["config", "model", "ref_model", "tokenizer", "dataset", "optimizer", "data_collator", "num_shared_layers"]
STEP = [f"{name}=None" for name in [*STEP, "lr_scheduler"]]
POLICY = ["config", "processing_class", "policy", "ref_policy", "reward_model", "train_dataset", "value_model=None"]
MODEL = ["args", "processing_class", "model", "ref_model", "reward_model", "train_dataset", "value_model=None"]
REQUIRED = [*MODEL[:-1], "value_model"]


@pytest.mark.parametrize(
    ("before", "after", "was", "then"),
    [
        ("0.1.0", "0.2.0", None, STEP),
        ("0.8.6", "0.9.2", STEP, [*STEP, "training_data_collator=None"]),
        ("0.11.4", "0.12.0", STEP, POLICY),
        ("0.12.2", "0.13.0", POLICY, MODEL),
        ("0.17.0", "0.18.0", MODEL, REQUIRED),
        ("0.25.1", "0.26.0", REQUIRED, REQUIRED),
        ("0.28.0", "0.29.0", REQUIRED, REQUIRED),
        ("1.12.0", "1.13.0", REQUIRED, None),
    ],
)
def test_constructor_boundary(before, after, was, then):
    neighbours(before, after)
    for version, expected in ((before, was), (after, then)):
        given = CONTRACT.at(version, "constructor PPOTrainer")
        assert given is None if expected is None else given[: len(expected)] == expected


def test_peft_config_comes_with_0_13():
    assert "peft_config=None" not in CONTRACT.at("0.12.2", "constructor PPOTrainer")
    assert CONTRACT.at("0.13.0", "constructor PPOTrainer")[-1] == "peft_config=None"


def test_every_release_was_read():
    assert not problems(CONTRACT)
    assert len(ORDER) >= 106
    assert [Version(version) for version in ORDER] == sorted(map(Version, ORDER))
    assert {release.version for release in CONTRACT.releases if release.yanked} == set()
    assert all(release.date and release.requires_python and release.sha256 for release in CONTRACT.releases)


@pytest.mark.parametrize(
    ("before", "after", "was", "then"),
    [("0.11.4", "0.12.0", 7, 9), ("0.24.0", "0.25.0", 9, 10), ("1.14.2", "1.15.0", 10, 11)],
)
def test_python_floor(before, after, was, then):
    neighbours(before, after)
    needs = {release.version: release.requires_python for release in CONTRACT.releases}
    assert (needs[before], needs[after]) == (f">=3.{was}", f">=3.{then}")


def test_counts():
    ppo = [release.version for release in CONTRACT.releases if "ppo" in release.facts]
    assert len(ppo) == 96
    assert f"{ppo[0]}-{ppo[-1]}" == PPO_RELEASES
    assert ORDER[: ORDER.index(ppo[0])] == ["0.0.1", "0.0.2", "0.0.3", "0.1.0"]
    assert ORDER[ORDER.index(ppo[-1]) + 1] == str(PPO_DELETED)


@pytest.mark.parametrize("version", ORDER)
def test_the_librarys_history_agrees_with_what_was_read(version):
    known = boundaries.known_ppo(Version(version))
    said = f"{known.api} {known.module}" if known.api else None
    assert CONTRACT.at(version, "ppo") == said


def test_the_history_is_of_releases_that_exist():
    bounds = {specifier.version for releases, _ in boundaries._HISTORY for specifier in SpecifierSet(releases)}
    assert bounds <= set(ORDER)


def test_the_docs_are_made_from_the_data():
    page = (Path(__file__).parents[2] / "docs" / "generations.md").read_text(encoding="utf-8")
    assert tables.fill(page, CONTRACT) == page, "run `python -m rldk_maintenance contract --docs`"


def test_the_librarys_table_is_made_from_the_data():
    assert made.OPTIONS_FILE.read_text(encoding="utf-8") == made.dump(CONTRACT), (
        "run `python -m rldk_maintenance contract --docs`"
    )


@pytest.mark.parametrize(
    ("option", "releases"),
    [
        ("kl_estimator", "0.17.0-1.12.0"),
        ("missing_eos_penalty", "0.12.0-1.12.0"),
        ("init_kl_coef", "0.2.0-0.11.4"),
        ("bf16", "0.12.0-1.12.0"),
        ("gradient_checkpointing", "0.9.2-1.12.0"),
        ("max_grad_norm", "0.3.0-0.11.4"),
        ("batch_size", "0.2.0-0.11.4"),
        ("ds3_gather_for_generation", "0.14.0-1.12.0"),
        ("learning_rate", "0.2.0-1.12.0"),
    ],
)
def test_refusal_names_the_releases(option, releases):
    assert option_releases()[option] == releases
    assert refusal(option, "TRL x", frozenset()).endswith(
        f"does not support {option!r}: TRL {releases} supports it; leave it out"
    )


def test_the_data_is_what_it_is_written_from_and_names_no_host():
    text = data.DATA_FILE.read_text(encoding="utf-8")
    assert data.dump(CONTRACT) == text
    assert len(text) < 150_000
    assert "://" not in text
    json.loads(text)


def test_an_unknown_release_is_no_answer():
    with pytest.raises(ContractError, match=r"release 9\.9\.9 was not read"):
        CONTRACT.at("9.9.9", "ppo")
