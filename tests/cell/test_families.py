"""Families of models and kinds of tokenizers that the tiny GPT-2 is not: each trains, or is refused in one line."""

from __future__ import annotations

import math

import pytest
from packaging.version import Version
from tiny_models import build_tiny_model, config_of_one_update, is_known, lower_logits, save

from rldk.integrations.trl import create_ppo_trainer, run_ppo, save_ppo_checkpoint

pytestmark = pytest.mark.trl_ppo

# Family -> the transformers that it came with. test_architectures.py trains the others.
NEWER = {"Qwen3": "4.51", "Gemma 3": "4.50", "Gemma 3 (nested config)": "4.50"}


@pytest.fixture
def tokenizer(make_ppo_setup, tiny_gpt2):
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(tiny_gpt2)


@pytest.fixture
def train(tokenizer, tmp_path):
    """Make a trainer of one update on two prompts, and run it."""

    def run(folder, **parts):
        config = config_of_one_update(tmp_path / "out")
        prompts = [tokenizer("the cat sat on")] * 2
        trainer = create_ppo_trainer(
            folder, config, prompts, reward_model=lambda texts: [float(len(set(text))) for text in texts], **parts
        )
        (metrics,) = run_ppo(trainer)
        assert math.isfinite(metrics["policy_loss"])
        assert math.isfinite(metrics["value_loss"])
        return trainer, metrics

    return run


@pytest.mark.parametrize("family", NEWER)
def test_a_newer_family_trains(family, train, tokenizer, tmp_path, measure):
    import transformers

    installed = Version(transformers.__version__)
    assert is_known(family) == (installed >= Version(NEWER[family]))
    if not is_known(family):
        measure("families", family, "absent")
        return
    folder = str(build_tiny_model(family, tmp_path / "model", tokenizer))
    if refuses_text_alone(folder):
        with pytest.raises(ValueError, match=r"^create_ppo_trainer: model .* needs token_type_ids to train, "):
            train(folder)
        measure("families", family, "refused")
        return
    _, metrics = train(folder)
    agrees = metrics["kl"] == pytest.approx(0, abs=1e-4)
    # There Gemma 3 generates with other logits than its forward pass computes, if no row has padding; without TRL too.
    differs = Version("4.51") <= installed < Version("4.52")
    assert agrees is not (family.startswith("Gemma") and differs)
    measure("families", family, "works" if agrees else "KL is wrong")


def refuses_text_alone(folder: str) -> bool:
    """Whether a model cannot be trained on texts, whatever TRL does: Gemma 3 with images, in transformers 5.0-5.5."""
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(folder).train()
    try:
        model(input_ids=torch.tensor([[1, 2]]))
    except ValueError as error:
        return "token_type_ids" in str(error)
    return False


def test_a_gpt2_with_negative_logits_and_without_a_pad_token_trains(train, tokenizer, tiny_gpt2, tmp_path, measure):
    from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

    model = AutoModelForCausalLM.from_pretrained(tiny_gpt2)
    lower_logits(model)
    folder = tmp_path / "model"
    save(model, folder)
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer.backend_tokenizer, bos_token=tokenizer.bos_token, eos_token=tokenizer.eos_token
    ).save_pretrained(folder)
    _, metrics = train(str(folder))
    assert metrics["kl"] == pytest.approx(0, abs=1e-4)
    assert metrics["score"] > 5  # the responses are words; `[PAD]` would be skipped in the text
    measure("families", "GPT-2 (logits near -29)", "works")
    measure("families", "tokenizer: no pad token", "works")


def test_a_pad_token_that_is_eos_trains(train, tokenizer, tiny_gpt2, measure):
    tokenizer.pad_token = tokenizer.eos_token
    _, metrics = train(str(tiny_gpt2), tokenizer=tokenizer)
    assert metrics["kl"] == pytest.approx(0, abs=1e-4)
    measure("families", "tokenizer: pad token is EOS", "works")


def test_several_eos_ids_train_and_are_saved(train, tokenizer, tiny_gpt2, tmp_path, measure, trl_release):
    from transformers import AutoModelForCausalLM, GenerationConfig

    model = AutoModelForCausalLM.from_pretrained(tiny_gpt2)
    model.generation_config.eos_token_id = ends = [tokenizer.eos_token_id, 3]
    trainer, metrics = train(None, model=model, tokenizer=tokenizer)
    assert metrics["kl"] == pytest.approx(0, abs=1e-4)
    if trl_release.ppo_api == "train":  # a value-head wrapper gets a generation config of its own
        save_ppo_checkpoint(trainer, tmp_path / "saved")
        assert GenerationConfig.from_pretrained(tmp_path / "saved").eos_token_id == ends
    measure("families", "tokenizer: several EOS ids", "works")
