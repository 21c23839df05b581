import math

import pytest


@pytest.mark.trl(">=0.7", "<1.13", reason="this project trains with PPO")
def test_one_update_of_ppo(ppo_setup):
    (metrics,) = ppo_setup.train(steps=1)
    assert all(math.isfinite(value) for value in metrics.values())
    assert metrics["entropy"] > 0
