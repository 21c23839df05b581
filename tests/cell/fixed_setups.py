"""The setups of `raw_setups` that the library fixes: each trains, and its part that was wrong does its work."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from fix_registry import OurRun, Weights, config_of, distinct_letters, fixes, start_with_prompts, trained_by_trl
from ppo_reference import bias_ends
from raw_registry import PROGRAMS

from rldk.integrations.trl import (
    create_ppo_config,
    create_ppo_trainer,
    fix_generation_config,
    prepare_models_for_ppo,
    save_ppo_checkpoint,
)


@fixes("wrapper-without-generation-config", fix_generation_config)
def what_trl_sets_reaches_generate(raw):
    policy = fix_generation_config(raw.wrapper(), raw.tokenizer)
    assert policy.pretrained_model.generation_config.eos_token_id == raw.tokenizer.eos_token_id
    trained_by_trl(raw, model=policy)
    assert policy.pretrained_model.generation_config.eos_token_id is None, "TRL's: a response ends at its length"


@fixes("wrapper-output-without-logits", fix_generation_config)
def the_logits_are_the_language_model_s(raw):
    import torch

    policy = fix_generation_config(raw.wrapper(), raw.tokenizer)
    trained_by_trl(raw, model=policy)
    ids = torch.tensor(raw.prompts()["input_ids"][:1])
    with torch.no_grad():
        assert policy(input_ids=ids).logits.equal(policy.pretrained_model(input_ids=ids).logits)


@fixes("wrapper-without-gradient-checkpointing-flag", fix_generation_config)
def the_flag_is_the_language_model_s(raw):
    policy = fix_generation_config(raw.wrapper(), raw.tokenizer)
    trained_by_trl(raw, model=policy)
    assert not policy.is_gradient_checkpointing
    policy.pretrained_model.gradient_checkpointing_enable()
    assert policy.is_gradient_checkpointing


@fixes("scorer-without-base-model-prefix", fix_generation_config)
def wrappers_score_and_value_with_their_heads(raw):
    import torch

    policy = raw.policy()
    bias_ends(policy, raw.tokenizer, end=0.0)  # no pad token within a response
    value_model, reward_model = (fix_generation_config(raw.wrapper(), raw.tokenizer) for _ in range(2))
    rows = []

    def keep(module, args, kwargs):
        rows.extend(ids[mask.bool()] for ids, mask in zip(kwargs["input_ids"], kwargs["attention_mask"], strict=True))

    hook = reward_model.pretrained_model.transformer.register_forward_pre_hook(keep, with_kwargs=True)
    weights = Weights(value_model)
    trainer = trained_by_trl(raw, model=policy, value_model=value_model, reward_model=reward_model)
    hook.remove()
    assert {"v_head.summary.weight", "v_head.summary.bias"} < set(weights.moved(value_model))
    scores = [entry["objective/scores"] for entry in trainer.state.log_history if "objective/scores" in entry]
    with torch.no_grad():
        alone = [reward_model(input_ids=row[None])[2][0, -1].item() for row in rows]
    assert scores == pytest.approx([sum(alone[:2]) / 2, sum(alone[2:]) / 2], abs=1e-5)


@fixes("value-model-none", create_ppo_trainer)
def a_value_model_is_built_and_trained(raw):
    run = OurRun(raw, train=True, **PROGRAMS["value-model-none"].changes(raw)).train()
    assert any("score" in name or "v_head" in name for name in run.weights.moved(run.value_model))
    assert run.updates[0]["value_loss"] > 0


@fixes("reference-model-none", create_ppo_trainer)
def the_reference_is_the_policy_as_it_was(raw):
    run = OurRun(raw, train=True, **PROGRAMS["reference-model-none"].changes(raw)).train(updates=2)
    assert not run.weights.moved(run.ref_model)
    assert run.updates[0]["kl"] == pytest.approx(0, abs=1e-5)
    assert abs(run.updates[1]["kl"]) > 1e-3


@fixes("function-as-reward-model", create_ppo_trainer)
def the_score_is_the_function_s_mean(raw):
    run = OurRun(raw, train=True).train()
    (texts,) = run.texts
    assert start_with_prompts(texts, raw.prompts(), raw.tokenizer)
    assert run.updates[0]["score"] == pytest.approx(sum(distinct_letters(texts)) / 2)


@fixes("policy-with-gradient-checkpointing", create_ppo_trainer)
def a_policy_trains_with_gradient_checkpointing(raw):
    import torch

    run = OurRun(raw, train=True, **PROGRAMS["policy-with-gradient-checkpointing"].changes(raw))
    seen = []

    def look(policy, _):
        if torch.is_grad_enabled():
            seen.append(policy.is_gradient_checkpointing)

    run.policy.register_forward_pre_hook(look)
    run.train()
    assert seen
    assert all(seen)


@fixes("plain-model-in-the-step-api", create_ppo_trainer)
def a_plain_model_is_wrapped_with_its_weights(raw):
    run = OurRun(raw, **PROGRAMS["plain-model-in-the-step-api"].changes(raw))
    weights = dict(raw.policy().named_parameters())
    assert all(one.equal(weights[name]) for name, one in run.policy.pretrained_model.named_parameters())
    assert any(name.startswith("pretrained_model.") for name in run.train().weights.moved(run.policy))


@fixes("wrapper-from-its-constructor", create_ppo_trainer)
def a_wrapper_from_its_constructor_keeps_its_head_and_is_saved(raw):
    wrapper = type(raw.wrapper())(raw.policy())
    head = {name: tensor.clone() for name, tensor in wrapper.v_head.state_dict().items()}
    run = OurRun(raw, model=wrapper)
    assert all(tensor.equal(head[name]) for name, tensor in run.policy.v_head.state_dict().items())
    save_ppo_checkpoint(run.train().trainer, raw.output_dir / "saved")
    assert any(name.startswith("v_head.") for name in run.weights.moved(run.policy))


@fixes("tokenizer-without-pad-token", prepare_models_for_ppo)
def a_pad_token_of_its_own(raw):
    folder = raw.output_dir / "model"
    shutil.copytree(raw.model_name, folder)
    for file in (folder / "tokenizer_config.json", folder / "special_tokens_map.json"):
        if file.is_file():
            kept = {key: value for key, value in json.loads(file.read_text()).items() if key != "pad_token"}
            file.write_text(json.dumps(kept))
    assert tokenizer_in(folder).pad_token is None
    pads(raw, folder)


@fixes("pad-token-without-embedding", prepare_models_for_ppo)
def an_embedding_for_the_pad_token(raw):
    folder = raw.output_dir / "model"
    shutil.copytree(raw.model_name, folder)
    tokenizer = PROGRAMS["pad-token-without-embedding"].changes(raw)["tokenizer"]
    tokenizer.save_pretrained(folder)
    assert tokenizer_in(folder).pad_token_id >= raw.policy().get_input_embeddings().num_embeddings
    pads(raw, folder)


def tokenizer_in(folder: Path):
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder)


def pads(raw, folder: Path) -> None:
    """Train on a batch of prompts of different length what ``prepare_models_for_ppo`` makes of a folder."""
    from datasets import Dataset

    policy, reference, _, tokenizer = prepare_models_for_ppo(str(folder))
    assert tokenizer.pad_token_id not in (None, tokenizer.eos_token_id)
    prompts = Dataset.from_dict(
        {"input_ids": [tokenizer(text)["input_ids"] for text in ("the cat sat", "you are in the")]}
    )
    parts = {"model": policy, "ref_model": reference, "tokenizer": tokenizer}
    run = OurRun(raw, train=raw.has_train, train_dataset=prompts, **parts).train()
    assert sorted(text[:3] for text in run.texts[0]) == ["the", "you"]
    assert start_with_prompts(run.texts[0], prompts, tokenizer)
    embedding = getattr(run.policy, "pretrained_model", run.policy).get_input_embeddings()
    assert tokenizer.pad_token_id < embedding.num_embeddings


@fixes("string-columns", create_ppo_trainer)
def the_prompts_beside_them_are_used(raw):
    changes = PROGRAMS["string-columns"].changes(raw)
    assert "query" in changes["train_dataset"].column_names
    run = OurRun(raw, train=True, **changes).train()
    assert start_with_prompts(run.texts[0], raw.prompts(), raw.tokenizer)


@fixes("sample-completions-without-eval-dataset", create_ppo_trainer)
def it_trains_and_samples_none(raw):
    config = raw.train_config(num_sample_generations=1, total_episodes=4)
    OurRun(raw, train=True, config=config).train(updates=2)


@fixes("config-of-another-class", create_ppo_config)
def trl_s_own_trainer_takes_the_config(raw):
    config = config_of(raw, train=raw.has_train)
    trainer = trained_by_trl(raw, train=raw.has_train, config=config)
    assert config is (trainer.args if raw.has_train else trainer.config)
