"""A pad token that `load_tokenizer` adds: its new rows are the mean of the old ones, equal in every model."""

from __future__ import annotations

import random

import pytest
from tiny_models import build_tiny_model, is_known, lower_logits, save

from rldk.integrations.trl import prepare_models_for_ppo

pytestmark = pytest.mark.trl_ppo

LOGIT = -29.0  # about GPT-2's


@pytest.fixture
def tokenizer(make_ppo_setup, tiny_gpt2):
    """A tokenizer without a pad token; the fixture `make_ppo_setup` skips where there is no PPO."""
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    known = AutoTokenizer.from_pretrained(tiny_gpt2)
    # Setting `pad_token = None` is lost when transformers 4.27 saves the tokenizer.
    return PreTrainedTokenizerFast(
        tokenizer_object=known.backend_tokenizer, bos_token=known.bos_token, eos_token=known.eos_token
    )


@pytest.fixture
def low_gpt2(tokenizer, tiny_gpt2, tmp_path):
    """A GPT-2 with logits near `LOGIT`."""
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(tiny_gpt2)
    lower_logits(model, LOGIT)
    save(model, tmp_path)
    tokenizer.save_pretrained(tmp_path)
    return tmp_path


def language_model(model):
    return getattr(model, "pretrained_model", model)


def test_the_new_token_is_as_unlikely_as_the_others(low_gpt2, tokenizer):
    import torch

    models = prepare_models_for_ppo(str(low_gpt2))
    pad = models.tokenizer.pad_token_id
    assert models.tokenizer.pad_token == "[PAD]"
    assert pad == len(tokenizer)
    policy = language_model(models.model).eval()
    with torch.no_grad():
        logits = policy(torch.tensor([models.tokenizer("the cat sat")["input_ids"]])).logits[0, -1]
    assert (logits[:pad] - LOGIT).abs().max() < 5
    assert logits.softmax(dim=-1)[pad] < 0.01


def test_policy_reference_and_reward_model_have_equal_rows(low_gpt2):
    import torch

    models = prepare_models_for_ppo(str(low_gpt2))
    pad = models.tokenizer.pad_token_id
    tables = [
        language_model(model).get_input_embeddings().weight
        for model in (models.model, models.ref_model, models.reward_model)
    ]
    for table in tables:
        assert torch.equal(table[: pad + 1], tables[0][: pad + 1])
    assert torch.allclose(tables[0][pad], tables[0][:pad].mean(dim=0))


def test_an_output_layer_of_its_own_gets_its_own_mean(tokenizer, tmp_path):
    import torch
    from transformers import AutoModelForCausalLM

    from rldk.integrations.trl.models.load import fit_embeddings, load_tokenizer

    if not is_known("Llama"):
        pytest.skip("needs a transformers that has Llama")
    model = AutoModelForCausalLM.from_pretrained(build_tiny_model("Llama", tmp_path, tokenizer))
    model.lm_head.bias = torch.nn.Parameter(torch.arange(float(len(tokenizer))))
    old = len(tokenizer)
    fit_embeddings(model, load_tokenizer(str(tmp_path)))
    rows, out = model.get_input_embeddings().weight, model.get_output_embeddings()
    assert len(rows) == len(out.weight) == len(out.bias) == old + 1
    assert out.weight is not rows
    assert torch.allclose(rows[old], rows[:old].mean(dim=0))
    assert torch.allclose(out.weight[old], out.weight[:old].mean(dim=0))
    assert out.bias[old] == (old - 1) / 2
    assert out.bias[:old].tolist() == list(range(old))


def test_without_a_new_row_no_random_number_is_drawn(make_ppo_setup, tiny_gpt2):
    import numpy as np
    import torch
    from transformers import AutoModelForCausalLM

    from rldk.integrations.trl.models.load import fit_embeddings, load_tokenizer

    model, tokenizer = AutoModelForCausalLM.from_pretrained(tiny_gpt2), load_tokenizer(str(tiny_gpt2))
    before = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].copy()
    table = model.get_input_embeddings().weight.clone()
    fit_embeddings(model, tokenizer)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert random.getstate() == before[1]
    assert (np.random.get_state()[1] == before[2]).all()
    assert torch.equal(model.get_input_embeddings().weight, table)
