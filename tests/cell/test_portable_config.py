"""`portable_config`: a release's own config read back into the one vocabulary, and built again from it."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from packaging.version import Version

from rldk.integrations.trl.config.create import create_ppo_config
from rldk.integrations.trl.config.portable import portable_config
from rldk.integrations.trl.releases.generations import installed_generation

pytestmark = [pytest.mark.trl_ppo, pytest.mark.usefixtures("make_ppo_setup")]

FRACTIONS = st.floats(0, 1, allow_nan=False).map(lambda number: round(number, 6))
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "learning_rate": FRACTIONS,
        "num_ppo_epochs": st.integers(1, 9),
        "kl_coef": FRACTIONS,
        "kl_estimator": st.just("k1"),
        "cliprange": FRACTIONS,
        "cliprange_value": FRACTIONS,
        "vf_coef": FRACTIONS,
        "gamma": FRACTIONS,
        "lam": FRACTIONS,
        "per_device_train_batch_size": st.integers(1, 16),
        "num_mini_batches": st.integers(1, 8),
        "gradient_accumulation_steps": st.integers(1, 8),
        "total_episodes": st.integers(1, 10**6),
        "response_length": st.integers(2, 512),
        "temperature": st.floats(0.1, 2).map(lambda number: round(number, 6)),
        "local_rollout_forward_batch_size": st.integers(1, 64),
        "whiten_rewards": st.booleans(),
        "seed": st.integers(0, 2**31),
        "use_cpu": st.just(True),
        "report_to": st.just("none"),
    },
)


@pytest.fixture(params=[None, "train"], ids=["own", "ppov2"])
def api(request, version):
    if request.param == "train" and not Version("0.9.2") <= version < Version("0.12.0"):
        pytest.skip(f"needs PPOv2 beside PPO (TRL 0.9.2-0.11.4); TRL {version} is installed")
    return request.param


def what_it_says(config):
    """A config's values, less what is another each time: `logging_dir` carries the time."""
    other_each_time = ("logging_dir", "distributed_state", "__cached__setup_devices")
    return {name: value for name, value in vars(config).items() if name not in other_each_time}


def honoured(options, version, api):
    """The options less those of which this release is known to say that it cannot."""
    options = dict(options)
    if version < Version("0.5.0") and api is None:
        options.pop("gradient_accumulation_steps", None)
    if version < Version("0.7.3") and api is None:
        options.pop("whiten_rewards", None)
    return options


def test_what_was_given_comes_back_and_builds_an_equal_config(version, api, tmp_path, measure):
    train = api == "train" or version >= Version("0.12.0")

    @settings(
        max_examples=12,
        phases=[Phase.generate],  # no shrinking: a failure names its options as they are
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    @given(options=OPTIONS)
    def round_trip(options):
        options = honoured(options, version, api)
        config = create_ppo_config(tmp_path, api=api, **options)
        told = portable_config(config)
        assert what_it_says(create_ppo_config(**told)) == what_it_says(config)
        expected = {"output_dir": str(tmp_path), **options}
        if train and version < Version("0.17.0"):
            expected.pop("kl_estimator", None)  # there is no other
        if not train:
            batch = ("per_device_train_batch_size", "gradient_accumulation_steps", "num_mini_batches")
            if version < Version("0.3.0") and set(batch) & set(options):
                expected |= dict.fromkeys(batch, 1)  # it optimizes sample by sample, and keeps the product only
                given = [options.get(batch[0], 8), options.get(batch[2], 1)]
                expected["per_device_train_batch_size"] = given[0] * given[1]
        assert {name: told[name] for name in expected} == expected

    round_trip()
    measure("features", "portable_config" + (" of PPOv2Config" if api else ""), "works")


def test_the_release_s_own_default_config(version, api, tmp_path):
    """Made by TRL's constructor alone; on CPU without bf16, which 0.19.0 turned on."""
    made = installed_generation(api).config
    train = api == "train" or version >= Version("0.12.0")
    config = made(output_dir=str(tmp_path), bf16=False, use_cpu=True) if train else made()
    told = portable_config(config)
    again = create_ppo_config(**told)
    different = {
        name
        for name, value in what_it_says(config).items()
        if value != getattr(again, name) and name not in ("run_name", "exp_name")
    }
    assert different == set()
    if train:
        assert told["num_sample_generations"] == 10
        assert told["learning_rate"] == config.learning_rate
        assert "api" in told if api else "api" not in told
    else:
        assert (told["kl_coef"], told["adap_kl_ctrl"]) == (0.2, True)


@pytest.mark.trl_ppo("step")
def test_what_only_the_step_api_can_say_keeps_its_names(version):
    told = portable_config(create_ppo_config(target=5, kl_coef=0.3, remove_unused_columns=False))
    assert (told["target"], told["kl_coef"], told["remove_unused_columns"]) == (5, 0.3, False)
    config = create_ppo_config(use_cpu=True, accelerator_kwargs={"split_batches": True})
    assert config.accelerator_kwargs == {"cpu": True, "split_batches": True}
    told = portable_config(config)
    assert (told["use_cpu"], told["accelerator_kwargs"]) == (True, {"split_batches": True})
    if version >= Version("0.4.7"):
        told = portable_config(create_ppo_config(kl_penalty="mse"))
        assert told["kl_penalty"] == "mse"
        assert "kl_estimator" not in told


@pytest.mark.trl("<0.6", reason="later releases refuse such a batch themselves")
def test_a_batch_that_does_not_divide_evenly_comes_back(version):
    part = "mini_batch_size" if version >= Version("0.3.0") else "forward_batch_size"
    config = installed_generation().config(batch_size=12, **{part: 5})
    told = portable_config(config)
    assert (told["batch_size"], told[part]) == (12, 5)
    again = what_it_says(create_ppo_config(**told))
    assert {name: again[name] for name in vars(config)} == vars(config)


@pytest.mark.trl_ppo("train")
def test_enumerations_come_back_as_the_words_they_were_given_as():
    told = portable_config(create_ppo_config(lr_scheduler_type="constant", optim="sgd", report_to="tensorboard"))
    assert (told["lr_scheduler_type"], told["optim"], told["report_to"]) == ("constant", "sgd", "tensorboard")


@pytest.mark.parametrize("odd", [None, {}, object(), "PPOConfig"], ids=["None", "dict", "object", "str"])
def test_what_is_no_config_is_said(odd, version):
    with pytest.raises(
        TypeError, match=rf"portable_config: a {type(odd).__name__} is not a PPOConfig of TRL {version}"
    ):
        portable_config(odd)
