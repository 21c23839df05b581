"""``PPOv2Trainer``, the train API of TRL 0.9.2-0.11.4, beside the step API; releases before it refuse."""

from __future__ import annotations

import math

import pytest
from both_apis import WITH_PPOV2, config_of

from rldk.integrations.trl import create_ppo_trainer, run_ppo

pytestmark = [pytest.mark.trl_ppo, pytest.mark.usefixtures("make_ppo_setup")]


def distinct_letters(texts: list[str]) -> list[float]:
    return [len(set(text)) / 10 for text in texts]


@pytest.fixture
def config(ppo_setup):
    return config_of(ppo_setup, "train", learning_rate=1e-2, stop_token="eos")


@pytest.mark.trl("<0.9.2")
def test_releases_before_it_refuse(version, measure):
    from rldk.integrations.trl.releases.generations import installed_generation

    assert installed_generation("step") is installed_generation()
    with pytest.raises(
        ImportError, match=rf"^TRL {version} has no PPO with the train API; .* 0\.9\.2-0\.11\.4 as PPOv2"
    ):
        installed_generation("train")
    measure("features", "PPOv2 (api='train')", "refused")


@pytest.mark.trl(">=0.12")
def test_releases_after_it_have_the_train_api_only(ppo_setup, version):
    from rldk.integrations.trl.releases.generations import generation_of, installed_generation

    assert installed_generation("train") is installed_generation() is generation_of(ppo_setup.config)
    with pytest.raises(
        ImportError, match=rf"^TRL {version} has no PPO with the step API; TRL 0\.2\.0-0\.11\.4 have it"
    ):
        ppo_setup.create_trainer(api="step")


def test_an_api_that_never_was_is_an_error():
    from rldk.integrations.trl.releases.generations import installed_generation

    with pytest.raises(ValueError, match="api='ppo' is not a PPO API: use 'step', 'train', or None"):
        installed_generation("ppo")


@WITH_PPOV2
def test_it_trains_a_step_api_setup(ppo_setup, config, measure):
    """Value-head wrappers are unwrapped, and the policy's own head becomes the value model."""
    from trl.trainer.ppov2_trainer import PPOv2Trainer

    trainer = ppo_setup.create_trainer(ppo_config=config, reward_model=distinct_letters)
    assert type(trainer) is PPOv2Trainer
    assert trainer.policy is ppo_setup.model.pretrained_model
    model = trainer.accelerator.unwrap_model(trainer.model)
    assert model.value_model.score is not ppo_setup.model.v_head, "critic and policy share no weights"
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    first, second = run_ppo(trainer, 2)
    for metrics in (first, second):
        assert set(metrics) == {"kl", "entropy", "score", "policy_loss", "value_loss", "clip_fraction"}
        assert all(math.isfinite(number) for number in metrics.values())
        assert "objective/rlhf_reward" in metrics.trl
    assert first["kl"] == pytest.approx(0, abs=1e-4)
    assert second["kl"] != first["kl"]
    changed = {name for name, parameter in model.named_parameters() if not bool((parameter == before[name]).all())}
    assert any(name.startswith("policy.") for name in changed)
    assert any(name.startswith("value_model.") for name in changed)
    assert run_ppo(trainer)[0].trl["lr"] < second.trl["lr"], "the schedule goes on"
    measure("features", "PPOv2 (api='train')", "works")


@WITH_PPOV2
def test_everything_missing_is_built(tiny_gpt2, ppo_setup, config):
    trainer = create_ppo_trainer(
        str(tiny_gpt2), config, ppo_setup.train_dataset, api="train", reward_model=distinct_letters
    )
    assert run_ppo(trainer)[0]["value_loss"] > 0


@WITH_PPOV2
def test_a_config_of_the_other_api_is_said(ppo_setup, config):
    with pytest.raises(TypeError, match=r"ppo_config is a PPOConfig, but api='train' needs a PPOv2Config"):
        ppo_setup.create_trainer(api="train")
    with pytest.raises(TypeError, match=r"ppo_config is a PPOv2Config, but api='step' needs a PPOConfig"):
        ppo_setup.create_trainer(ppo_config=config, api="step")
