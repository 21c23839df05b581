"""`num_shared_layers` of the step API: policy and reference model use the same frozen first layers."""

from __future__ import annotations

import pytest
from both_apis import WITH_PPOV2, config_of

from rldk.integrations.trl import run_ppo

pytestmark = [pytest.mark.trl_ppo("step"), pytest.mark.trl("<0.12")]


@pytest.fixture
def setup(make_ppo_setup):
    return make_ppo_setup(reward=lambda texts: [len(set(text)) / 10 for text in texts], learning_rate=1e-2)


@pytest.fixture
def policy(setup, tiny_gpt2):
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(tiny_gpt2)


def shared(trainer):
    """The names of the parameters that policy and reference model share."""
    policy, reference = (trainer.accelerator.unwrap_model(part) for part in (trainer.model, trainer.ref_model))
    of_policy = dict(policy.named_parameters())
    return {name for name, parameter in reference.named_parameters() if parameter is of_policy[name]}


def test_shared_layers_are_the_same_objects(setup, policy):
    import torch

    trainer = setup.create_trainer(model=policy, ref_model=None, num_shared_layers=1)
    names = {name.removeprefix("pretrained_model.transformer.") for name in shared(trainer)}
    assert {"wte.weight", "wpe.weight", "h.0.attn.c_attn.weight"} <= names
    assert not any(name.startswith(("h.1.", "ln_f.", "v_head.")) for name in names)
    tied = trainer.ref_model.pretrained_model
    assert tied.lm_head.weight is tied.transformer.wte.weight is policy.transformer.wte.weight
    assert not any(parameter.requires_grad for parameter in trainer.ref_model.parameters())
    before = {name: parameter.clone() for name, parameter in policy.named_parameters()}
    run_ppo(trainer)
    for name, parameter in policy.named_parameters():
        changed = not torch.equal(parameter, before[name])
        assert changed is not (f"pretrained_model.{name}" in shared(trainer)), name


def test_without_the_option_nothing_is_shared(setup, policy):
    trainer = setup.create_trainer(model=policy, ref_model=None)
    assert shared(trainer) == set()
    assert all(parameter.requires_grad for parameter in policy.parameters())


def test_a_given_reference_model_is_used_and_shares_nothing(setup, policy):
    with pytest.warns(UserWarning, match="num_shared_layers is ignored when ref_model is provided"):
        trainer = setup.create_trainer(model=policy, num_shared_layers=1)
    assert shared(trainer) == set()


@WITH_PPOV2
def test_the_train_api_does_not_take_it(setup, policy):
    config = config_of(setup, "train")
    with pytest.raises(TypeError, match="does not take 'num_shared_layers'; it takes"):
        setup.create_trainer(ppo_config=config, model=policy, ref_model=None, num_shared_layers=1)
