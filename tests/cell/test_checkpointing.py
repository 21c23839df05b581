"""Gradient checkpointing: layers run again in the optimization, not in generation, and give the same weights."""

from __future__ import annotations

import copy

import pytest
from packaging.version import Version
from raw_program import RawTRL

pytestmark = pytest.mark.trl_ppo


@pytest.fixture
def update(make_ppo_setup, trl_release):
    """A function that makes one update, with checkpointing asked for by the ``model``, the ``config``, or not."""

    def make(by=None):
        options = (
            {"gradient_checkpointing": by == "config"} if by == "config" or trl_release.ppo_api == "train" else {}
        )
        setup = make_ppo_setup(reward=lambda texts: [len(set(text)) / 10 for text in texts], **options)
        policy = getattr(setup.model, "pretrained_model", setup.model)
        if by == "model":
            policy.gradient_checkpointing_enable()
        setup.create_trainer()
        assert policy.is_gradient_checkpointing == (by is not None)
        seen = {"trained": 0, "generated": 0, "checkpointing": set()}

        def count(*_):
            if generating:
                seen["generated"] += 1
                seen["checkpointing"].add(policy.is_gradient_checkpointing)
            else:
                seen["trained"] += 1

        generating = []
        generate = policy.generate

        def watched(*args, **kwargs):
            generating.append(True)
            try:
                return generate(*args, **kwargs)
            finally:
                generating.pop()

        policy.generate = watched
        # Not the layer: newer transformers recompute inside it. Before: a recomputation may stop before its end.
        policy.transformer.h[0].ln_1.register_forward_pre_hook(count)
        (metrics,) = setup.train()
        assert policy.is_gradient_checkpointing == (by is not None), "on again after generation"
        assert seen["generated"]
        assert seen["checkpointing"] == {False}
        return {name: tensor.detach().clone() for name, tensor in policy.named_parameters()}, metrics, seen["trained"]

    return make


def test_a_checkpointing_policy_trains_the_same(update, version, measure):
    import torch

    weights, metrics, runs = update()
    for by in ("model", "config") if version >= Version("0.9.2") else ("model",):
        checkpointed, found, again = update(by)
        assert again > runs, "the layers run again in the backward pass"
        assert found["score"] == metrics["score"], "the same samples"
        assert found["kl"] == pytest.approx(0, abs=1e-5)
        for name, tensor in weights.items():
            torch.testing.assert_close(checkpointed[name], tensor, atol=1e-5, rtol=0)
        entry = "gradient checkpointing" if by == "model" else "gradient checkpointing (asked for by the config)"
        measure("features", entry, "works")


@pytest.mark.trl("<0.9.2", reason="the step API's config has it from there on")
def test_an_old_config_refuses_it(make_ppo_setup, measure):
    with pytest.raises(TypeError, match="gradient_checkpointing"):
        make_ppo_setup(gradient_checkpointing=True)
    measure("features", "gradient checkpointing (asked for by the config)", "refused")


@pytest.mark.trl(">=0.9.2", reason="no train API before")
def test_trl_s_train_api_never_acts_on_the_option(version, tiny_gpt2, tmp_path, make_ppo_setup):
    raw = RawTRL(version, tiny_gpt2, tmp_path)
    policy = raw.policy()
    with raw.workarounds():
        raw.train(model=policy, config=raw.train_config(gradient_checkpointing=True))
    assert policy.is_gradient_checkpointing is False


def test_a_copy_of_the_policy_generates_by_itself(make_ppo_setup):
    import torch

    setup = make_ppo_setup()
    policy = getattr(setup.model, "pretrained_model", setup.model)
    policy.gradient_checkpointing_enable()
    setup.create_trainer()
    twin = copy.deepcopy(policy)
    with torch.no_grad():
        for parameter in policy.parameters():
            parameter.fill_(float("nan"))
    ids = torch.tensor([setup.train_dataset[0]["input_ids"]])
    assert twin.is_gradient_checkpointing
    scores = twin.generate(
        ids, max_new_tokens=1, output_scores=True, return_dict_in_generate=True, attention_mask=torch.ones_like(ids)
    ).scores
    assert not torch.isnan(scores[0]).any()


def test_a_failed_construction_leaves_the_model_as_it_was(make_ppo_setup):
    setup = make_ppo_setup()
    policy = getattr(setup.model, "pretrained_model", setup.model)
    policy.gradient_checkpointing_enable()
    with pytest.raises((TypeError, ValueError)):
        setup.create_trainer(train_dataset=object())
    assert policy.is_gradient_checkpointing
