"""Real PPO updates: what moves and what does not, saving and loading, the same seed twice."""

from __future__ import annotations

import math

import pytest

pytestmark = pytest.mark.trl_ppo

METRICS = {"kl", "entropy", "score", "policy_loss", "value_loss", "clip_fraction"}


def distinct_letters(texts: list[str]) -> list[float]:
    return [len(set(text)) / 10 for text in texts]


def snapshot(model):
    return {name: tensor.detach().clone() for name, tensor in model.named_parameters()}


def moved(model, before):
    import torch

    return {name for name, tensor in model.named_parameters() if not torch.equal(tensor, before[name])}


def logits_of(model, tokenizer):
    import torch

    model.eval()
    ids = torch.tensor([tokenizer("the cat sat on")["input_ids"]])
    with torch.no_grad():
        output = model(input_ids=ids)
    return output.logits if hasattr(output, "logits") else output[0]


@pytest.fixture(params=["function", "classifier"])
def setup(request, make_ppo_setup):
    reward = distinct_letters if request.param == "function" else None
    return make_ppo_setup(reward=reward, learning_rate=1e-2)


def test_two_updates(setup):
    policy, reference = snapshot(setup.model), snapshot(setup.ref_model)
    reward = (
        None if callable(setup.reward_model) and not hasattr(setup.reward_model, "parameters") else setup.reward_model
    )
    reward_before = None if reward is None else snapshot(reward)
    value = None if setup.value_model is None else snapshot(setup.value_model)
    updates = setup.train(steps=2)

    assert len(updates) == 2
    for metrics in updates:
        assert set(metrics) == METRICS
        assert all(math.isfinite(number) for number in metrics.values())
        assert metrics["entropy"] > 0
        assert metrics["value_loss"] > 0
        assert 0 <= metrics["clip_fraction"] <= 1
        assert metrics.trl, "TRL's own numbers stay reachable"
    assert updates[0]["kl"] == pytest.approx(0, abs=1e-4), "before the first update policy and reference are one"
    assert updates[1]["kl"] != updates[0]["kl"]

    moved_policy = moved(setup.model, policy)
    assert any("wte" in name for name in moved_policy)
    assert any("h.1." in name for name in moved_policy)
    if setup.release.ppo_api == "step":
        assert any(name.startswith("v_head.") for name in moved_policy)
    else:
        assert "score.weight" in moved(setup.value_model, value)
    assert moved(setup.ref_model, reference) == set()
    if reward is not None:
        assert moved(reward, reward_before) == set()


def test_a_reward_function_is_what_is_maximized(make_ppo_setup):
    """The score is the function's own mean; it gets the prompt and response of every sample as text."""
    seen: list[str] = []

    def reward(texts: list[str]) -> list[float]:
        seen.extend(texts)
        return [0.25] * len(texts)

    setup = make_ppo_setup(reward=reward)
    (metrics,) = setup.train()
    assert metrics["score"] == pytest.approx(0.25)
    assert len(seen) == 4
    prompts = {setup.tokenizer.decode(ids) for ids in setup.train_dataset["input_ids"]}
    for text in seen:
        assert any(text.startswith(prompt) for prompt in prompts)
        assert setup.tokenizer.pad_token not in text


def test_run_goes_on_where_it_stopped(ppo_setup):
    first = ppo_setup.train(steps=1)
    before = snapshot(ppo_setup.model)
    second = ppo_setup.train(steps=1)
    assert moved(ppo_setup.model, before)
    assert first[0] != second[0]


def test_the_same_seed_twice_gives_the_same_numbers(make_ppo_setup):
    first, second = (make_ppo_setup(reward=distinct_letters, seed=7) for _ in range(2))
    assert moved(first.model, snapshot(second.model)) == set()
    numbers = first.train(steps=2)
    assert second.train(steps=2) == numbers
    assert moved(first.model, snapshot(second.model)) == set()


def test_another_seed_gives_other_numbers(make_ppo_setup):
    first, second = (make_ppo_setup(reward=distinct_letters, seed=seed) for seed in (7, 8))
    assert first.train() != second.train()


@pytest.mark.trl_ppo("train")
def test_train_api_saves_and_loads_the_same_logits(ppo_setup, tmp_path):
    import torch
    from transformers import AutoModelForCausalLM

    trainer = ppo_setup.create_trainer()
    ppo_setup.train()
    trainer.save_model(str(tmp_path / "saved"))
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path / "saved")
    assert torch.equal(logits_of(ppo_setup.model, ppo_setup.tokenizer), logits_of(loaded, ppo_setup.tokenizer))


@pytest.mark.trl_ppo("step")
def test_step_api_saves_and_loads_the_same_logits_and_values(ppo_setup, tmp_path):
    import torch

    from rldk.integrations.trl.releases.generations import installed_generation

    ppo_setup.train()
    ppo_setup.model.save_pretrained(str(tmp_path / "saved"))
    loaded = installed_generation().value_head.from_pretrained(str(tmp_path / "saved"))
    assert torch.equal(logits_of(ppo_setup.model, ppo_setup.tokenizer), logits_of(loaded, ppo_setup.tokenizer))
    for name, tensor in ppo_setup.model.v_head.state_dict().items():
        assert torch.equal(tensor, loaded.v_head.state_dict()[name])


@pytest.mark.trl_ppo("train")
def test_a_checkpoint_at_the_end_of_training_is_written(make_ppo_setup):
    """TRL 0.12-0.22.2 pass an argument that transformers dropped (huggingface/trl#3998)."""
    setup = make_ppo_setup(save_strategy="steps", save_steps=1)
    setup.train(steps=2)
    assert sorted(path.name for path in setup.output_dir.glob("checkpoint-*")) == [
        "checkpoint-1",
        "checkpoint-2",
    ]
