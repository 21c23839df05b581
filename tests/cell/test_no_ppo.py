"""The clear answers of a release without PPO: what is missing, since when, which releases have it."""

from __future__ import annotations

import pytest

from rldk.integrations.trl import (
    check_trl_compatibility,
    create_ppo_config,
    create_ppo_trainer,
    prepare_models_for_ppo,
    validate_ppo_setup,
)

pytestmark = pytest.mark.trl(">=1.13", reason="the answers of a release without PPO")

ANSWER = (
    r"^TRL {version} has no PPO: it was deleted in 1\.13\.0 \(huggingface/trl#7020\); TRL 0\.2\.0-1\.12\.0 have it: "
    r"pip install 'trl<1\.13', or use GRPOTrainer or RLOOTrainer instead$"
)


@pytest.mark.parametrize(
    "call",
    [
        lambda: prepare_models_for_ppo("gpt2"),
        create_ppo_config,
        lambda: create_ppo_trainer("gpt2", None, None),
    ],
    ids=["prepare_models_for_ppo", "create_ppo_config", "create_ppo_trainer"],
)
def test_it_says_so_in_one_line(call, row):
    with pytest.raises(ImportError, match=ANSWER.format(version=row.version)):
        call()


def test_validation_and_compatibility_answer_too(row):
    assert validate_ppo_setup(None, None, None, None, None)["issues"][0].startswith(f"TRL {row.version} has no PPO")
    answer = check_trl_compatibility()
    assert answer["tested"] is False
    assert any("#7020" in warning for warning in answer["warnings"])


def test_trl_itself_has_no_ppo_trainer(row):
    import importlib

    import trl

    assert not hasattr(trl, "PPOTrainer")
    with pytest.raises(ModuleNotFoundError, match=r"trl\.experimental\.ppo"):
        importlib.import_module("trl.experimental.ppo")


def test_a_plain_model_still_gets_what_its_generation_config_lacks(tiny_gpt2):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from rldk.integrations.trl import fix_generation_config

    tokenizer = AutoTokenizer.from_pretrained(tiny_gpt2)
    model = AutoModelForCausalLM.from_pretrained(tiny_gpt2)
    config = model.generation_config
    config.pad_token_id, config.top_k = None, 7
    assert fix_generation_config(model, tokenizer).generation_config is config
    assert (config.pad_token_id, config.top_k) == (tokenizer.pad_token_id, 7)
    model.generation_config = None
    assert fix_generation_config(model, tokenizer).generation_config.max_length == 512
