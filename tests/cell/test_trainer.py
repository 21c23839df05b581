"""`prepare_models_for_ppo`, `create_ppo_trainer` and `run_ppo` on the release's real classes."""

from __future__ import annotations

import copy
import re
import warnings

import pytest

from rldk.integrations.trl import create_ppo_trainer, fix_generation_config, prepare_models_for_ppo, run_ppo
from rldk.integrations.trl.releases.quiet import third_party_warnings

pytestmark = pytest.mark.trl_ppo


@pytest.fixture
def generation(make_ppo_setup):
    from rldk.integrations.trl.releases.generations import installed_generation

    return installed_generation()


@pytest.fixture
def causal_lm(make_ppo_setup, tiny_gpt2):
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(tiny_gpt2)


def policy_of(trainer, api):
    return trainer.model if api == "step" else trainer.accelerator.unwrap_model(trainer.model).policy


def test_models_are_of_the_kinds_this_release_wants(generation, tiny_gpt2):
    import torch
    from transformers import GPT2ForSequenceClassification, GPT2LMHeadModel

    models = prepare_models_for_ppo(str(tiny_gpt2))
    assert models._fields == ("model", "ref_model", "reward_model", "tokenizer")
    kind = generation.value_head if generation.api == "step" else GPT2LMHeadModel
    assert isinstance(models.model, kind)
    assert isinstance(models.ref_model, kind)
    assert models.model is not models.ref_model
    assert isinstance(models.reward_model, GPT2ForSequenceClassification)
    assert models.reward_model.config.num_labels == 1
    if generation.api == "step":
        assert models.model.generation_config.max_length == 512
    assert models.model.generation_config.pad_token_id == models.tokenizer.pad_token_id
    assert models.model.generation_config is not models.ref_model.generation_config
    for name, tensor in models.model.named_parameters():
        if not name.startswith("v_head."):
            assert torch.equal(tensor, dict(models.ref_model.named_parameters())[name])


def test_a_tokenizer_without_pad_gets_one_that_is_not_eos_and_fits(tiny_gpt2, generation, tmp_path):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_gpt2)
    tokenizer.pad_token = None
    tokenizer.save_pretrained(tmp_path)
    causal = prepare_models_for_ppo(str(tiny_gpt2)).model
    getattr(causal, "pretrained_model", causal).save_pretrained(tmp_path)
    models = prepare_models_for_ppo(str(tmp_path))
    assert models.tokenizer.pad_token_id not in (None, models.tokenizer.eos_token_id)
    rows = getattr(models.model, "pretrained_model", models.model).get_input_embeddings().weight.shape[0]
    assert models.tokenizer.pad_token_id < rows


def test_everything_missing_is_built(ppo_setup, tiny_gpt2):
    with pytest.warns(UserWarning, match="no reward_model was passed"):
        trainer = create_ppo_trainer(str(tiny_gpt2), ppo_setup.config, ppo_setup.train_dataset)
    (metrics,) = run_ppo(trainer)
    assert metrics["value_loss"] > 0


def test_a_plain_policy_keeps_its_weights(ppo_setup, causal_lm, generation):
    trainer = ppo_setup.create_trainer(model=causal_lm, ref_model=None, value_model=None)
    policy = policy_of(trainer, generation.api)
    assert getattr(policy, "pretrained_model", policy) is causal_lm
    assert ppo_setup.train()


def test_a_wrapped_policy_keeps_its_weights_and_its_value_head(ppo_setup, causal_lm, generation):
    import torch

    wrapper = generation.value_head.from_pretrained(causal_lm)
    head = copy.deepcopy(wrapper.v_head.state_dict())
    trainer = ppo_setup.create_trainer(model=wrapper, ref_model=None, value_model=None)
    policy = policy_of(trainer, generation.api)
    assert getattr(policy, "pretrained_model", policy) is causal_lm
    if generation.api == "step":
        value_head = policy.v_head
    else:
        value_model = trainer.accelerator.unwrap_model(trainer.model).value_model
        value_head = value_model.score
        assert value_model.pretrained_model is not causal_lm, "critic and policy share no weights"
    for name, tensor in head.items():
        assert torch.equal(tensor, value_head.state_dict()[name])
    before = copy.deepcopy(value_head.state_dict())
    assert ppo_setup.train()
    assert any(not torch.equal(before[name], tensor) for name, tensor in value_head.state_dict().items())


def test_wrappers_everywhere(ppo_setup, generation, tiny_gpt2):
    """What rldk's users had: every model a value-head wrapper, mended or not."""
    wrappers = [generation.value_head.from_pretrained(str(tiny_gpt2)) for _ in range(4)]
    fix_generation_config(wrappers[1], ppo_setup.tokenizer)
    value = {} if generation.api == "step" else {"value_model": wrappers[3]}
    ppo_setup.create_trainer(model=wrappers[0], ref_model=wrappers[1], reward_model=wrappers[2], **value)
    assert ppo_setup.train()


def test_an_argument_that_this_release_lacks_is_named(ppo_setup):
    with pytest.raises(TypeError, match="does not take 'no_such_argument'; it takes"):
        ppo_setup.create_trainer(no_such_argument=1)


@pytest.mark.trl_ppo("step")
def test_the_step_api_refuses_what_it_has_no_place_for(ppo_setup):
    with pytest.raises(TypeError, match="does not take value_model"):
        ppo_setup.create_trainer(value_model=ppo_setup.ref_model)


@pytest.mark.trl_ppo("train")
def test_string_columns_are_left_out(ppo_setup):
    dataset = ppo_setup.train_dataset
    dataset = dataset.add_column("prompt", [f"prompt {number}" for number in range(len(dataset))])
    ppo_setup.create_trainer(train_dataset=dataset)
    assert ppo_setup.train()


@pytest.mark.trl_ppo("train")
def test_a_schedule_that_is_too_short_is_said(make_ppo_setup):
    setup = make_ppo_setup(total_episodes=4)
    setup.create_trainer()
    with pytest.warns(UserWarning, match="planned for 1 updates, but 0 are done and 2 more are requested"):
        setup.train(steps=2)


@pytest.mark.trl_ppo("train")
def test_the_train_api_is_told_where_generation_arguments_go(ppo_trainer):
    for arguments, advice in (
        (
            {"repetition_penalty": 1.2},
            "'repetition_penalty' cannot be set here: the train API samples with settings of its own; leave it out",
        ),
        ({"max_new_tokens": 5}, "'max_new_tokens' cannot be set here: set 'response_length' in create_ppo_config"),
        ({"eos_token_id": 5}, "'eos_token_id' cannot be set here: set 'stop_token_id' in create_ppo_config"),
        ({"reward_model": len}, "'reward_model' cannot be set here: .*; pass it to create_ppo_trainer"),
    ):
        with pytest.raises(TypeError, match=rf"^run_ppo: {advice}$"):
            run_ppo(ppo_trainer, **arguments)


def test_arguments_that_run_ppo_sets_itself(ppo_trainer):
    for arguments, advice in (
        ({"batch_size": 2}, "set 'local_rollout_forward_batch_size' in create_ppo_config"),
        ({"return_prompt": True}, "responses have no prompt here; leave it out"),
        ({"generate_ref_response": True}, "only the policy generates here; leave it out"),
    ):
        with pytest.raises(TypeError, match=f"^run_ppo: '{next(iter(arguments))}' cannot be set here: {advice}$"):
            run_ppo(ppo_trainer, **arguments)
    assert run_ppo(ppo_trainer, return_prompt=False, generate_ref_response=False), "as it is anyway"


@pytest.mark.parametrize(
    ("reward", "message"),
    [
        (lambda texts: [0.0], "returned 1 rewards for 4 texts"),
        (lambda texts: [float("nan")] * len(texts), "returned nan for "),
    ],
    ids=["length", "nan"],
)
def test_a_reward_function_that_errs_is_said(make_ppo_setup, reward, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        make_ppo_setup(reward=reward).train()


def test_no_steps_is_an_error(ppo_trainer):
    with pytest.raises(ValueError, match="steps must be at least 1, got 0"):
        run_ppo(ppo_trainer, 0)


def test_trl_s_own_warnings_do_not_end_a_run_under_w_error(make_ppo_setup):
    with warnings.catch_warnings(), third_party_warnings():
        setup = make_ppo_setup()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert setup.train()
