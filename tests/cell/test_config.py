"""`create_ppo_config` on the release's real PPOConfig."""

from __future__ import annotations

import pytest
from packaging.version import Version

from rldk.integrations.trl import create_ppo_config

pytestmark = [pytest.mark.trl_ppo, pytest.mark.usefixtures("make_ppo_setup")]

OPTIONS = {
    "learning_rate": 2e-4,
    "num_ppo_epochs": 3,
    "kl_coef": 0.07,
    "cliprange": 0.11,
    "cliprange_value": 0.12,
    "vf_coef": 0.13,
    "gamma": 0.98,
    "lam": 0.9,
    "per_device_train_batch_size": 2,
    "gradient_accumulation_steps": 2,
    "num_mini_batches": 2,
    "total_episodes": 80,
    "response_length": 9,
    "temperature": 0.6,
    "seed": 5,
}


def test_every_option_arrives(row, version, tmp_path):
    options = dict(OPTIONS)
    if version < Version("0.5.0"):
        # 0.4.1-0.4.7 have the option and add up the gradients wrongly: see test_config_effects.py.
        with pytest.raises(
            TypeError,
            match=r"does not support 'gradient_accumulation_steps': .*TRL 0\.5\.0-1\.12\.0 supports it; leave it out",
        ):
            create_ppo_config(tmp_path, **options)
        options |= {"gradient_accumulation_steps": 1, "num_mini_batches": 4}
    config = create_ppo_config(tmp_path, **options)
    expected = dict(options)
    if row.api == "step":
        expected |= {"ppo_epochs": 3, "init_kl_coef": 0.07, "adap_kl_ctrl": False, "batch_size": 8, "steps": 80}
        if version < Version("0.4.1"):
            del expected["gradient_accumulation_steps"]
        if version < Version("0.3.0"):
            del expected["seed"]
            assert config.seed == 5, "kept for create_ppo_trainer, which seeds by it"
        expected |= {"mini_batch_size": 2} if version >= Version("0.3.0") else {"forward_batch_size": 1}
        expected |= {"log_with": None}
        for name in ("num_ppo_epochs", "kl_coef", "per_device_train_batch_size", "num_mini_batches", "total_episodes"):
            del expected[name]
    else:
        expected |= {"num_sample_generations": 0, "report_to": [], "use_cpu": True, "bf16": False}
    assert {name: getattr(config, name) for name in expected} == expected
    assert str(config.output_dir) == str(tmp_path)


def test_it_is_the_releases_own_class():
    from rldk.integrations.trl.releases.generations import installed_generation

    assert type(create_ppo_config()) is installed_generation().config


def test_no_options_is_safe_without_an_accelerator(row):
    config = create_ppo_config()
    assert config.output_dir == "trainer_output"
    if row.api == "train":
        assert config.bf16 is False
        assert config.use_cpu is True


def test_a_misspelt_option_is_named_with_its_neighbour():
    with pytest.raises(TypeError, match=r"does not support 'lerning_rate': did you mean 'learning_rate'\?$"):
        create_ppo_config(lerning_rate=1.0)


def test_an_argument_of_generate_is_told_its_option(row):
    with pytest.raises(TypeError, match=r"does not support 'max_new_tokens': set 'response_length' instead$"):
        create_ppo_config(max_new_tokens=5)
    elsewhere = "pass it to run_ppo, which says so if the installed API does not take it$"
    with pytest.raises(TypeError, match=f"does not support 'top_p': {elsewhere}"):
        create_ppo_config(top_p=0.9)
    with pytest.raises(TypeError, match=elsewhere if row.api == "step" else "set 'stop_token_id' instead$"):
        create_ppo_config(eos_token_id=5)


def test_the_kl_estimator_boundary(version):
    if version >= Version("0.17.0"):
        assert create_ppo_config(kl_estimator="k3").kl_estimator == "k3"
    else:
        with pytest.raises(TypeError, match=r"does not support 'kl_estimator': TRL 0.17.0-1.12.0 supports"):
            create_ppo_config(kl_estimator="k3")


@pytest.mark.trl_ppo("step")
def test_what_the_step_api_cannot_do_is_refused():
    with pytest.raises(TypeError, match=r"does not support 'missing_eos_penalty': TRL 0.12.0-1.12.0 supports"):
        create_ppo_config(missing_eos_penalty=1.0)
    with pytest.raises(TypeError, match="does not support 'save_strategy'"):
        create_ppo_config(save_strategy="steps")
    assert create_ppo_config(save_strategy="no", bf16=False, report_to="none") is not None
    assert create_ppo_config(target=5).target == 5
    with pytest.raises(TypeError, match="'init_kl_coef' and 'kl_coef' set the same thing: pass only one"):
        create_ppo_config(kl_coef=0.1, init_kl_coef=0.2)


@pytest.mark.trl_ppo("step")
def test_the_batch_in_the_step_api_s_own_names(version):
    """``gradient_accumulation_steps`` is a name of both APIs (issue 11)."""
    part = {"mini_batch_size": 2} if version >= Version("0.3.0") else {"forward_batch_size": 2}
    steps = 2 if version >= Version("0.5.0") else 1
    config = create_ppo_config(batch_size=8, **part, gradient_accumulation_steps=steps)
    assert (config.batch_size, getattr(config, next(iter(part)))) == (8, 2)
    assert getattr(config, "gradient_accumulation_steps", 1) == steps
    assert create_ppo_config(batch_size=8, per_device_train_batch_size=4, num_mini_batches=2).batch_size == 8
    for options in ({"per_device_train_batch_size": 4}, {"num_mini_batches": 4, "gradient_accumulation_steps": 1}):
        name = next(iter(options))
        with pytest.raises(TypeError, match=f"'batch_size' and '{name}' set the same thing: pass only one of them$"):
            create_ppo_config(batch_size=3, **options)


@pytest.mark.trl_ppo("step")
def test_asking_the_step_api_for_what_it_does_anyway_is_no_error():
    does_anyway = {"lr_scheduler_type": "constant", "warmup_steps": 0, "weight_decay": 0.0, "optim": "adamw_torch"}
    config = create_ppo_config(
        **does_anyway, stop_token="eos", missing_eos_penalty=None, kl_estimator="k1", max_steps=-1
    )
    assert not set(does_anyway) & set(vars(config))
    with pytest.raises(TypeError, match=r"does not support 'lr_scheduler_type': TRL 0\.12\.0-1\.12\.0 supports"):
        create_ppo_config(lr_scheduler_type="linear")
    with pytest.raises(TypeError, match="does not support 'stop_token'"):
        create_ppo_config(stop_token=None)


@pytest.mark.trl_ppo("step")
def test_what_the_step_api_works_out_itself_is_refused(version):
    if version >= Version("0.7.2"):
        for option in ("world_size", "backward_batch_size", "global_batch_size", "is_peft_model"):
            with pytest.raises(
                TypeError, match=f"does not support '{option}': its PPOConfig takes it, but its PPOTrainer"
            ):
                create_ppo_config(**{option: 3})


def test_two_options_for_one_thing_are_refused():
    with pytest.raises(TypeError, match="'total_episodes' and 'num_train_epochs' set the same thing"):
        create_ppo_config(total_episodes=8, num_train_epochs=1)
    with pytest.raises(TypeError, match="'stop_token' and 'stop_token_id' set the same thing"):
        create_ppo_config(stop_token="eos", stop_token_id=5)


@pytest.mark.trl_ppo("train")
def test_a_run_name_that_the_trainer_overwrites_is_refused(version):
    if version >= Version("0.28.0"):
        assert create_ppo_config(run_name="mine").run_name == "mine"
    else:
        with pytest.raises(TypeError, match=r"does not support 'run_name': its PPOConfig .*: the trainer replaces it"):
            create_ppo_config(run_name="mine")


@pytest.mark.trl_ppo("step")
def test_the_train_api_beside_the_step_api(version, tmp_path):
    if version < Version("0.9.2"):
        with pytest.raises(ImportError, match=rf"TRL {version} has no PPO with the train API; TRL .* have it"):
            create_ppo_config(api="train")
        return
    options = {"num_ppo_epochs": 3, "kl_coef": 0.07, "num_mini_batches": 2, "total_episodes": 80, "stop_token": "eos"}
    config = create_ppo_config(tmp_path, api="train", **options)
    assert type(config).__name__ == "PPOv2Config"
    assert {name: getattr(config, name) for name in options} == options
    with pytest.raises(
        TypeError, match=r'does not support \'stop_token_id\': .* supports it; leave it out, or pass api="train"$'
    ):
        create_ppo_config(stop_token_id=3)
    if version < Version("0.11.0"):
        with pytest.raises(TypeError, match="does not support 'missing_eos_penalty'"):
            create_ppo_config(api="train", missing_eos_penalty=1.0)
        assert create_ppo_config(api="train", non_eos_penalty=True, penalty_reward_value=-2).non_eos_penalty is True
    with pytest.raises(ValueError, match="api='both' is not a PPO API"):
        create_ppo_config(api="both")


@pytest.mark.trl_ppo("train")
def test_step_api_names_are_refused_with_the_releases_that_have_them():
    with pytest.raises(TypeError, match=r"does not support 'init_kl_coef': TRL 0.2.0-0.11.4 supports"):
        create_ppo_config(init_kl_coef=0.2)
