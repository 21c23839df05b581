"""An adaptive KL coefficient follows the formula of Ziegler et al. 2019 on both APIs, and the next update uses it."""

from __future__ import annotations

import math

import pytest
from both_apis import EACH_API, config_of

from rldk.integrations.trl import create_ppo_config, load_ppo_checkpoint, portable_config, run_ppo, save_ppo_checkpoint

pytestmark = pytest.mark.trl_ppo

OPTIONS = {"kl_coef": 0.2, "adap_kl_ctrl": True, "target": 0.5, "horizon": 50}


@EACH_API
def test_the_coefficient_follows_the_measured_kl(make_ppo_setup, api, tmp_path):
    options = {"learning_rate": 1e-2, "kl_coef": 0.2}
    setup = make_ppo_setup(reward=lambda texts: [len(set(text)) / 10 for text in texts], **options)
    config, fixed = config_of(setup, api, learning_rate=1e-2, **OPTIONS), config_of(setup, api)
    if api is None:
        config = create_ppo_config(**{**portable_config(setup.config), **OPTIONS})
    trainer = setup.create_trainer(ppo_config=config)
    metrics = run_ppo(trainer, 2)
    metrics += run_ppo(trainer, 2)

    episodes = config.batch_size
    coefficient, moved = OPTIONS["kl_coef"], []
    for update in metrics:
        moved.append(coefficient)
        kl = update.trl["objective/kl"]
        assert kl == pytest.approx(update["kl"], abs=1e-4) or hasattr(trainer, "step")  # which has a temperature of 1
        if "objective/kl_coef" in update.trl:
            assert float(update.trl["objective/kl_coef"]) == pytest.approx(coefficient)
        if "objective/non_score_reward" in update.trl:  # what the penalty was computed with
            assert update.trl["objective/non_score_reward"] == pytest.approx(-coefficient * kl, rel=1e-4, abs=1e-6)
        error = min(max(float(kl) / OPTIONS["target"] - 1, -0.2), 0.2)
        coefficient *= 1 + error * episodes / OPTIONS["horizon"]
    assert len(set(moved)) == len(metrics)
    assert float(trainer.kl_ctl.value) == pytest.approx(coefficient)
    assert math.isclose(getattr(config, "kl_coef", 0.2), 0.2), "the config of the user is as it was"

    save_ppo_checkpoint(trainer, tmp_path / "saved")
    other = setup.create_trainer(ppo_config=fixed)
    with pytest.raises(
        ValueError, match="only one of the two runs adapts its KL coefficient: create this trainer with"
    ):
        load_ppo_checkpoint(other, tmp_path / "saved")


@EACH_API
def test_the_options_are_portable(make_ppo_setup, api):
    given = {"output_dir": "here", "api": api, **OPTIONS}
    options = portable_config(create_ppo_config(**given))
    assert {name: options[name] for name in OPTIONS} == OPTIONS
    again = create_ppo_config(**{"api": api, **options})
    assert portable_config(again) == options
    assert "target" not in portable_config(create_ppo_config(api=api, kl_coef=0.2, adap_kl_ctrl=False))


@pytest.mark.trl_ppo("train")
def test_its_options_alone_are_refused():
    with pytest.raises(TypeError, match=r"does not support 'target': .*pass adap_kl_ctrl=True too"):
        create_ppo_config(target=5)
