"""Gradient checkpointing of a model with dropout: the update is the one without checkpointing."""

from __future__ import annotations

import dropout_models
import pytest

from rldk.integrations.trl.releases.generations import installed_generation

pytestmark = pytest.mark.trl_ppo("step")


def update(make_ppo_setup, folder, *, checkpointing):
    import torch

    setup = make_ppo_setup(model_name=folder, reward=lambda texts: [len(set(text)) / 10 for text in texts])
    policy = setup.model.pretrained_model
    for module in setup.model.v_head.modules():
        if isinstance(module, torch.nn.Dropout):  # on before 0.7.2; other draws came before it with checkpointing
            module.p = 0.0
    if checkpointing:
        policy.gradient_checkpointing_enable()
    setup.create_trainer()
    torch.manual_seed(3)
    (metrics,) = setup.train()
    return metrics, {name: tensor.detach().clone() for name, tensor in policy.named_parameters()}


@pytest.mark.parametrize("architecture", dropout_models.WITH_DROPOUT)
def test_an_update_is_the_one_without_checkpointing(architecture, make_ppo_setup, tiny_gpt2, tmp_path, measure):
    import torch

    folder = dropout_models.build_with_dropout(architecture, tmp_path / "model", tiny_gpt2)
    if folder is None:
        pytest.skip(f"needs a transformers that has {architecture}")
    plain, weights = update(make_ppo_setup, folder, checkpointing=False)
    found, checkpointed = update(make_ppo_setup, folder, checkpointing=True)
    assert found["score"] == plain["score"], "the same samples"
    assert found["policy_loss"] == pytest.approx(plain["policy_loss"], abs=1e-5)
    assert found["value_loss"] == pytest.approx(plain["value_loss"], rel=1e-4)
    for name, tensor in weights.items():
        torch.testing.assert_close(checkpointed[name], tensor, atol=1e-5, rtol=0)
    assert installed_generation().api == "step"
    measure("features", f"gradient checkpointing with dropout: {architecture}", "works")
