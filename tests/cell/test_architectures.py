"""Other architectures than GPT-2, tiny and random: the parts are found in the models, not by their names."""

from __future__ import annotations

import re

import pytest
from packaging.version import Version
from tiny_models import build_tiny_model, config_of_one_update, is_known

from rldk.integrations.trl import (
    create_ppo_trainer,
    fix_generation_config,
    prepare_models_for_ppo,
    run_ppo,
)

pytestmark = pytest.mark.trl_ppo

# Architecture -> its prefix, the class of its backbone, and the transformers that it came with.
DECODERS = {
    "Llama": ("model", "LlamaModel", "4.28"),
    "Qwen2": ("model", "Qwen2Model", "4.37"),
    "GPT-NeoX": ("gpt_neox", "GPTNeoXModel", "4.21"),
    "OPT": ("model", "OPTModel", "4.19"),
}


FAMILIES = {"Llama": "Llama (output layer not tied)"}  # as the table of families calls them


def word_count(texts):
    return [float(len(set(text))) for text in texts]


@pytest.fixture
def tokenizer(make_ppo_setup, tiny_gpt2):
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(tiny_gpt2)


@pytest.fixture
def generation(make_ppo_setup):
    from rldk.integrations.trl.releases.generations import installed_generation

    return installed_generation()


def prompts(tokenizer):
    from datasets import Dataset

    return Dataset.from_dict({"input_ids": [tokenizer("the cat sat on")["input_ids"]] * 4})


def config(tmp_path):
    return config_of_one_update(tmp_path / "out")


def moved(module, before):
    import torch

    return {name for name, tensor in module.named_parameters() if not torch.equal(tensor, before[name])}


def weights(module):
    return {name: tensor.detach().clone() for name, tensor in module.named_parameters()}


@pytest.mark.parametrize("architecture", DECODERS)
def test_a_decoder_of_another_architecture_trains(architecture, generation, tokenizer, tmp_path, measure):
    import transformers

    prefix, backbone, since = DECODERS[architecture]
    known = Version(transformers.__version__) >= Version(since)
    assert is_known(architecture) == known
    name = FAMILIES.get(architecture, architecture)
    if not known:
        measure("families", name, "absent")
        return
    folder = str(build_tiny_model(architecture, tmp_path / "model", tokenizer))

    wrapper = generation.value_head.from_pretrained(folder)
    before = list(wrapper.state_dict()), [name for name, _ in wrapper.named_parameters()]
    fix_generation_config(wrapper, tokenizer)
    assert (list(wrapper.state_dict()), [name for name, _ in wrapper.named_parameters()]) == before
    assert wrapper.base_model_prefix == prefix
    assert type(getattr(wrapper, prefix)).__name__ == backbone
    assert getattr(wrapper, prefix) is getattr(wrapper.pretrained_model, prefix)
    assert wrapper.score is wrapper.v_head

    trainer = create_ppo_trainer(
        folder, config(tmp_path), prompts(tokenizer), reward_model=word_count, tokenizer=tokenizer
    )
    if generation.api == "step":
        policy, value_backbone, head = trainer.model, None, trainer.model.v_head
    else:
        pair = trainer.accelerator.unwrap_model(trainer.model)
        policy, value_backbone, head = pair.policy, getattr(pair.value_model, prefix), pair.value_model.score
        assert type(value_backbone).__name__ == backbone
        assert pair.critic_backbone is value_backbone
    policy_before, head_before = weights(policy), weights(head)
    (metrics,) = run_ppo(trainer)
    assert metrics["kl"] == pytest.approx(0, abs=1e-4)
    assert any("layers.1" in name for name in moved(policy, policy_before))
    assert moved(head, head_before) == set(head_before)
    measure("families", name, "works")


@pytest.mark.parametrize("architecture", DECODERS)
def test_models_are_prepared(architecture, generation, tokenizer, tmp_path):
    if not is_known(architecture):
        pytest.skip(f"needs a transformers that has {architecture}")
    models = prepare_models_for_ppo(str(build_tiny_model(architecture, tmp_path, tokenizer)), tokenizer)
    inner = getattr(models.model, "pretrained_model", models.model)
    assert hasattr(models.model, "v_head") == (generation.api == "step")
    assert architecture.replace("-", "").lower() in type(inner).__name__.lower()
    # transformers before 4.28 has no GPT-NeoX classifier: a wrapper answers to the same names.
    head = models.reward_model.score
    assert [tensor.shape[0] for tensor in head.state_dict().values()] in ([1], [1, 1])


@pytest.mark.trl_ppo("step")
def test_an_encoder_decoder_trains_through_the_step_api(generation, tokenizer, tmp_path, measure):
    folder = str(build_tiny_model("T5", tmp_path / "model", tokenizer))
    models = prepare_models_for_ppo(folder, tokenizer)
    assert type(models.model).__name__ == "AutoModelForSeq2SeqLMWithValueHead"
    before = list(models.model.state_dict())
    fix_generation_config(models.model, tokenizer)
    assert list(models.model.state_dict()) == before
    # T5's prefix names no part of it: as in transformers, the model is then its own backbone.
    assert getattr(models.model, models.model.base_model_prefix) is models.model.pretrained_model
    seen = []
    for reward in (lambda texts: [seen.append(text) or float(len(text)) for text in texts], models.reward_model):
        trainer = create_ppo_trainer(
            folder,
            config(tmp_path),
            prompts(tokenizer),
            model=models.model,
            ref_model=models.ref_model,
            tokenizer=tokenizer,
            reward_model=reward,
        )
        was = weights(models.model)
        (metrics,) = run_ppo(trainer)
        moves = moved(models.model, was)
        assert any(name.startswith("pretrained_model.encoder.block.1") for name in moves)
        assert any(name.startswith("pretrained_model.decoder.block.1") for name in moves)
        assert "v_head.summary.weight" in moves
        if seen is not None and callable(reward) and not hasattr(reward, "parameters"):
            assert metrics["kl"] == pytest.approx(0, abs=1e-4)
    prompt = tokenizer.decode(prompts(tokenizer)[0]["input_ids"])
    assert len(seen) == 2
    assert all(text.startswith(prompt) and len(text) > len(prompt) for text in seen)
    assert not any(tokenizer.pad_token in text for text in seen)
    measure("families", "T5 (encoder-decoder)", "works")


@pytest.mark.trl_ppo("train")
def test_an_encoder_decoder_is_refused_by_the_train_api(generation, tokenizer, tmp_path, measure):
    from transformers import AutoModelForSeq2SeqLM

    folder = str(build_tiny_model("T5", tmp_path / "model", tokenizer))
    message = (
        rf"^TRL {re.escape(str(generation.version))} \(train API\) cannot train an encoder-decoder \(t5\), "
        r"because .*: .*"
        r"TRL 0\.2\.0-0\.11\.4$"
    )
    with pytest.raises(ValueError, match=message):
        prepare_models_for_ppo(folder, tokenizer)
    with pytest.raises(ValueError, match=message):
        create_ppo_trainer(folder, config(tmp_path), prompts(tokenizer), reward_model=word_count)
    with pytest.raises(ValueError, match=message):
        create_ppo_trainer(
            None,
            config(tmp_path),
            prompts(tokenizer),
            model=AutoModelForSeq2SeqLM.from_pretrained(folder),
            tokenizer=tokenizer,
            reward_model=word_count,
        )
    measure("families", "T5 (encoder-decoder)", "refused")
