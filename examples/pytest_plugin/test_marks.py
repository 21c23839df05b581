import pytest


@pytest.mark.trl_ppo("train")
@pytest.mark.trl_requires("transformers>=4.46")
@pytest.mark.trl_config(num_ppo_epochs=1, kl_coef=0.2)
def test_config(ppo_setup):
    assert ppo_setup.config.kl_coef == 0.2


@pytest.mark.trl_xfail(">=1.13", reason="PPO was deleted", raises=ImportError)
def test_import():
    from rldk.integrations.trl import create_ppo_config

    assert create_ppo_config(learning_rate=1e-5).learning_rate == 1e-5
