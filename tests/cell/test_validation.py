"""`validate_ppo_setup`: quiet on what trains, finds what does not, never raises."""

from __future__ import annotations

from typing import Any

import pytest
from packaging.version import Version

from rldk.integrations.trl import fix_generation_config, validate_ppo_setup

pytestmark = pytest.mark.trl_ppo


@pytest.fixture
def wrapper(ppo_setup, tiny_gpt2):
    from rldk.integrations.trl.releases.generations import installed_generation

    return installed_generation().value_head.from_pretrained(str(tiny_gpt2))


def validate(setup, **changes: Any):
    parts = {
        name: getattr(setup, name)
        for name in (
            "model",
            "ref_model",
            "reward_model",
            "value_model",
            "tokenizer",
            "config",
            "train_dataset",
        )
    }
    return validate_ppo_setup(**(parts | changes))


def issues(setup, **changes: Any) -> str:
    report = validate(setup, **changes)
    assert report["valid"] is (not report["issues"])
    assert all("\n" not in line for lines in (report["issues"], report["warnings"]) for line in lines)
    return "; ".join(report["issues"])


def test_no_false_alarm_on_a_setup_that_trains(ppo_setup):
    assert validate(ppo_setup) == {"valid": True, "issues": [], "warnings": [], "recommendations": []}
    assert ppo_setup.train()


@pytest.mark.trl_ppo("train")
def test_a_wrapper_as_policy(ppo_setup, wrapper):
    assert "reads (huggingface/trl#2340, #2718): call fix_generation_config" in issues(ppo_setup, model=wrapper)
    assert issues(ppo_setup, model=fix_generation_config(wrapper, ppo_setup.tokenizer)) == ""


@pytest.mark.trl_ppo("train")
@pytest.mark.parametrize("part", ["reward_model", "value_model"])
def test_reward_and_value_models(ppo_setup, wrapper, tiny_gpt2, part):
    from transformers import AutoModelForSequenceClassification

    assert f"{part} (AutoModelForCausalLMWithValueHead) has no base_model_prefix" in issues(
        ppo_setup, **{part: wrapper}
    )
    assert f"{part} (GPT2LMHeadModel) has no score" in issues(ppo_setup, **{part: ppo_setup.model})
    two = AutoModelForSequenceClassification.from_pretrained(tiny_gpt2, num_labels=2)
    assert f"{part} (GPT2ForSequenceClassification) has 2 labels" in issues(ppo_setup, **{part: two})
    fixed = fix_generation_config(wrapper, ppo_setup.tokenizer)
    assert issues(ppo_setup, **{part: fixed}) == ""


@pytest.mark.trl_ppo("train")
def test_the_train_api_wants_a_value_model(ppo_setup):
    assert "value_model is None" in issues(ppo_setup, value_model=None)


def test_the_reference_model(ppo_setup, version):
    same = validate(ppo_setup, ref_model=ppo_setup.model)
    if ppo_setup.release.ppo_api == "train":
        assert "same object" in "; ".join(same["issues"])
    else:
        assert "same object" in "; ".join(same["warnings"])
    missing = issues(ppo_setup, ref_model=None)
    if Version("0.12") <= version < Version("0.13"):
        assert "ref_model is None" in missing
    else:
        assert missing == ""


@pytest.mark.trl_ppo("step")
def test_the_step_api_wants_wrappers(ppo_setup):
    plain = ppo_setup.model.pretrained_model
    assert "model must be a value-head wrapper" in issues(ppo_setup, model=plain)
    assert "ref_model must be a value-head wrapper" in issues(ppo_setup, ref_model=plain)
    assert "is a language model, which does not return scores" in issues(ppo_setup, reward_model=plain)


def test_a_function_as_reward(ppo_setup):
    found = issues(ppo_setup, reward_model=lambda texts: [0.0] * len(texts))
    assert ("reward_model is a function" in found) is (ppo_setup.release.ppo_api == "train")


def test_the_tokenizer(ppo_setup, version):
    ppo_setup.tokenizer.pad_token = ppo_setup.tokenizer.eos_token
    assert "trl#5303" in "; ".join(validate(ppo_setup)["warnings"])
    ppo_setup.tokenizer.pad_token = None
    # Before 0.3.0 the tiny setup has one sample a forward pass, and nothing is padded.
    assert ("no pad token" in issues(ppo_setup)) is (version >= Version("0.3"))


def test_the_dataset(ppo_setup):
    from datasets import Dataset

    assert "no column input_ids" in issues(ppo_setup, train_dataset=Dataset.from_dict({"text": ["a"] * 8}))
    assert "fewer than one batch of 4" in issues(ppo_setup, train_dataset=ppo_setup.train_dataset.select(range(3)))
    texts = ppo_setup.train_dataset.add_column("text", ["a"] * len(ppo_setup.train_dataset))
    found = issues(ppo_setup, train_dataset=texts)
    assert ("string columns (text)" in found) is (ppo_setup.release.ppo_api == "train")


def test_a_batch_counts_mini_batches_until_0_17(make_ppo_setup, version):
    accumulation = {"gradient_accumulation_steps": 2} if version >= Version("0.5.0") else {}
    device_batch = 2 if accumulation else 4
    setup = make_ppo_setup(num_mini_batches=2, per_device_train_batch_size=device_batch, **accumulation)
    found = issues(setup, train_dataset=setup.train_dataset.select(range(7)))
    if version < Version("0.17"):
        assert "fewer than one batch of 8" in found
    else:
        assert found == ""


@pytest.mark.trl(">=0.4.1", "<0.12")
def test_accumulation_that_loses_gradients_is_an_issue(ppo_setup, version):
    ppo_setup.config.gradient_accumulation_steps = 2
    found = issues(ppo_setup)
    if version < Version("0.5.0"):
        assert f"gradient_accumulation_steps is 2, but TRL {version} adds up gradients wrongly" in found
        with pytest.raises(ValueError, match="gradient_accumulation_steps is 2, but"):
            ppo_setup.create_trainer()
    else:
        assert found == ""


class Hostile:
    """Answers every question with an error."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(f"no {name} for you")

    def __len__(self) -> int:
        raise RuntimeError("no length")


@pytest.mark.parametrize(
    "odd",
    [None, 0, "gpt2", [], {}, object(), Hostile(), Hostile, print],
    ids=["None", "number", "text", "list", "dict", "object", "hostile object", "class", "function"],
)
def test_it_never_raises(ppo_setup, odd):
    for part in ("model", "ref_model", "reward_model", "value_model", "tokenizer", "config", "train_dataset"):
        report = validate(ppo_setup, **{part: odd})
        assert set(report) == {"valid", "issues", "warnings", "recommendations"}
    assert validate_ppo_setup(odd, odd, odd, odd, odd, config=odd, train_dataset=odd)["valid"] is False
