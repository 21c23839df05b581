"""A plain model keeps its generation config: through fixing, training and saving."""

from __future__ import annotations

import pytest
from both_apis import EACH_API, config_of

from rldk.integrations.trl import create_ppo_trainer, fix_generation_config, run_ppo, save_ppo_checkpoint

pytestmark = pytest.mark.trl_ppo

PENALTY = 1.25


@pytest.fixture
def setup(make_ppo_setup):
    return make_ppo_setup(reward=lambda texts: [len(set(text)) / 10 for text in texts])


@pytest.fixture
def ends(setup):
    """Two ends of texts, as chat models have them."""
    return [setup.tokenizer.eos_token_id, 5]


@pytest.fixture
def policy(setup, ends, tiny_gpt2):
    from transformers import AutoModelForCausalLM, GenerationConfig

    model = AutoModelForCausalLM.from_pretrained(tiny_gpt2)
    model.generation_config = GenerationConfig(eos_token_id=ends, repetition_penalty=PENALTY, do_sample=True, top_k=1)
    return model


def create(setup, api, policy, **options):
    return create_ppo_trainer(
        None,
        config_of(setup, api),
        setup.train_dataset,
        model=policy,
        reward_model=setup.reward_model,
        tokenizer=setup.tokenizer,
        **options,
    )


def test_only_missing_ids_are_filled_in(setup, policy, ends):
    config = policy.generation_config
    assert fix_generation_config(policy, setup.tokenizer) is policy
    assert policy.generation_config is config
    assert (config.eos_token_id, config.pad_token_id) == (ends, setup.tokenizer.pad_token_id)
    assert config.bos_token_id == setup.tokenizer.bos_token_id
    assert config.repetition_penalty == PENALTY
    assert config.max_length != 512


def test_a_given_config_replaces_that_of_a_plain_model(setup, policy):
    from transformers import GenerationConfig

    given = GenerationConfig(max_new_tokens=3)
    assert fix_generation_config(policy, setup.tokenizer, given).generation_config is given
    assert given.eos_token_id is None


@pytest.mark.trl_requires("peft")
def test_a_peft_model_keeps_its_own(setup, policy, ends):
    from peft import LoraConfig, get_peft_model

    lora = LoraConfig(
        r=2, lora_alpha=4, lora_dropout=0.0, target_modules=["c_attn"], fan_in_fan_out=True, task_type="CAUSAL_LM"
    )
    config, adapted = policy.generation_config, get_peft_model(policy, lora)
    fix_generation_config(adapted, setup.tokenizer)
    assert adapted.generation_config is policy.generation_config is config
    assert (config.eos_token_id, config.pad_token_id) == (ends, setup.tokenizer.pad_token_id)


@EACH_API
def test_a_checkpoint_has_the_config_that_the_policy_had(setup, policy, ends, tmp_path, api):
    from transformers import GenerationConfig

    trainer = create(setup, api, policy)
    if hasattr(trainer, "step"):
        pytest.skip("a wrapper, the step API's policy, gets the documented default")
    generate = vars(policy).get("generate")  # gradient checkpointing, the default since 0.22.0, sets one
    run_ppo(trainer)
    assert vars(policy).get("generate") == generate
    save_ppo_checkpoint(trainer, tmp_path / "checkpoint")
    trainer.save_model(str(tmp_path / "policy"))
    for folder in ("checkpoint", "policy"):
        saved = GenerationConfig.from_pretrained(tmp_path / folder)
        assert (saved.eos_token_id, saved.pad_token_id) == (ends, setup.tokenizer.pad_token_id)
        assert saved.repetition_penalty == PENALTY
        assert saved.max_length != 512
    policy.generation_config.eos_token_id = [7]  # what is set later is kept
    save_ppo_checkpoint(trainer, tmp_path / "checkpoint")
    assert GenerationConfig.from_pretrained(tmp_path / "checkpoint").eos_token_id == [7]


@EACH_API
def test_the_policy_s_own_config_does_not_change_what_is_generated(setup, policy, tiny_gpt2, api):
    from transformers import AutoModelForCausalLM

    plain = AutoModelForCausalLM.from_pretrained(tiny_gpt2)
    assert run_ppo(create(setup, api, policy)) == run_ppo(create(setup, api, plain))
