"""A value model that is a copy of the policy has no output layer of its own, and trains and saves as before."""

from __future__ import annotations

import copy

import pytest
from both_apis import EACH_API, config_of
from tiny_models import build_tiny_model

from rldk.integrations.trl import create_ppo_trainer, fix_generation_config, run_ppo, save_ppo_checkpoint
from rldk.integrations.trl.checkpoints.save_and_load import load_ppo_checkpoint

pytestmark = [pytest.mark.trl_ppo, pytest.mark.trl(">=0.9.2")]


@pytest.fixture
def setup(make_ppo_setup):
    return make_ppo_setup(reward=lambda texts: [len(set(text)) / 10 for text in texts])


@pytest.fixture
def folder(setup, tmp_path):
    return build_tiny_model("Llama", tmp_path / "llama", setup.tokenizer)


@pytest.fixture
def llama(folder):
    """A Llama: its output layer is not tied to its input embeddings."""
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(folder)
    assert model.lm_head.weight is not model.get_input_embeddings().weight
    return model


def create(setup, api, name=None, **parts):
    if (api or setup.release.ppo_api) == "step":
        pytest.skip("needs the train API: the step API has no value model")
    return create_ppo_trainer(
        name,
        config_of(setup, api),
        setup.train_dataset,
        reward_model=setup.reward_model,
        tokenizer=setup.tokenizer,
        **parts,
    )


def pair_of(trainer):
    """TRL's module of policy and value model."""
    return trainer.accelerator.unwrap_model(trainer.model)


def of_vocabulary(model, size):
    return [name for name, parameter in model.named_parameters() if size in parameter.shape]


def weights(trainer):
    return {name: parameter.detach().clone() for name, parameter in pair_of(trainer).named_parameters()}


def same(one, other):
    return one.keys() == other.keys() and all(bool((one[name] == other[name]).all()) for name in one)


@EACH_API
def test_a_copy_has_input_embeddings_only(setup, llama, api):
    trainer = create(setup, api, model=llama)
    pair, size = pair_of(trainer), len(setup.tokenizer)
    assert of_vocabulary(pair.value_model, size) == ["pretrained_model.model.embed_tokens.weight"]
    assert of_vocabulary(pair.policy, size) == ["model.embed_tokens.weight", "lm_head.weight"]
    run_ppo(trainer)
    idle = [name for name, parameter in pair.named_parameters() if parameter not in trainer.optimizer.state]
    assert not idle, "DDP waits for their gradients"


@EACH_API
@pytest.mark.trl_requires("peft")
def test_a_copy_of_a_peft_policy_too(setup, llama, api):
    from peft import LoraConfig

    lora = LoraConfig(r=2, target_modules=["q_proj"], task_type="CAUSAL_LM")
    trainer = create(setup, api, model=llama, peft_config=lora)
    (name,) = of_vocabulary(pair_of(trainer).value_model, len(setup.tokenizer))
    assert name.endswith("embed_tokens.weight")
    run_ppo(trainer)


@EACH_API
def test_a_tied_output_layer_stays(setup, tiny_gpt2, api):
    from transformers import AutoModelForCausalLM

    policy = AutoModelForCausalLM.from_pretrained(tiny_gpt2)
    inner = pair_of(create(setup, api, model=policy)).value_model.pretrained_model
    assert inner.lm_head.weight is inner.transformer.wte.weight


@EACH_API
def test_a_run_is_that_with_a_whole_copy(setup, llama, api):
    from rldk.integrations.trl.releases.generations import installed_generation

    wrapper = installed_generation().value_head.from_pretrained(llama)
    whole = fix_generation_config(copy.deepcopy(wrapper), setup.tokenizer)
    wanted = create(setup, api, model=copy.deepcopy(wrapper), value_model=whole)
    metrics = run_ppo(wanted, 2)
    trainer = create(setup, api, model=wrapper)
    assert run_ppo(trainer, 2) == metrics
    expected = weights(wanted)
    assert expected.pop("value_model.pretrained_model.lm_head.weight").any()
    assert same(weights(trainer), expected)


@EACH_API
def test_it_is_saved_and_loaded_bit_for_bit(setup, llama, tmp_path, api):
    whole = create(setup, api, model=copy.deepcopy(llama))
    expected = run_ppo(whole, 2)
    first = create(setup, api, model=copy.deepcopy(llama))
    assert run_ppo(first) == expected[:1]
    save_ppo_checkpoint(first, tmp_path / "saved")

    resumed = create(setup, api, model=copy.deepcopy(llama))
    load_ppo_checkpoint(resumed, tmp_path / "saved")
    assert run_ppo(resumed) == expected[1:]
    assert same(weights(resumed), weights(whole))

    fresh = create(setup, api, str(tmp_path / "saved"))
    assert same(weights(fresh), weights(first))
    with pytest.warns(UserWarning, match="the reference model is not the one that .* was trained with"):
        load_ppo_checkpoint(fresh, tmp_path / "saved")
    run_ppo(fresh)


@EACH_API
def test_a_run_of_before_is_refused_with_what_to_do(setup, llama, tmp_path, api):
    """Before, a value model had an output layer, and the training state had every trainable weight."""
    import torch

    from rldk.integrations.trl.releases.generations import installed_generation

    wrapper = installed_generation().value_head.from_pretrained(llama)
    whole = fix_generation_config(copy.deepcopy(wrapper), setup.tokenizer)
    trainer = create(setup, api, model=copy.deepcopy(wrapper), value_model=whole)
    folder = tmp_path / "saved"
    save_ppo_checkpoint(trainer, folder)
    state = torch.load(folder / "training_state.pt", weights_only=True)
    del state["stored"]
    torch.save({**state, "parameters": weights(trainer)}, folder / "training_state.pt")

    new = create(setup, api, model=wrapper)
    with pytest.raises(ValueError, match=r"trained value_model\S+lm_head.weight too.*: start a new run .*create_p"):
        load_ppo_checkpoint(new, folder)
    fresh = create(setup, api, str(folder))
    assert same(weights(fresh), weights(new))
