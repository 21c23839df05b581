"""What `run_ppo` warns of: each symptom once, and nothing in a run that goes well."""

from __future__ import annotations

import random
import warnings

import pytest

from rldk.integrations.trl.training.symptoms import Symptoms


def messages(*updates):
    watch = Symptoms()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for kl, clip_fraction, score in updates:
            watch.watch({"kl": kl, "clip_fraction": clip_fraction, "score": score})
    return [str(warning.message) for warning in caught]


def test_a_good_run_has_no_symptom():
    noise = random.Random(0)
    rising = [(update / 2 + noise.gauss(0, 0.3), 0.2, update / 40 + noise.gauss(0, 0.1)) for update in range(60)]
    assert messages(*rising) == []
    assert messages(*[(noise.gauss(0.2, 0.3), noise.uniform(0, 0.4), noise.gauss(0, 1)) for _ in range(60)]) == []


def test_a_negative_kl():
    (message,) = messages((0.1, 0, 0), (-1.5, 0, 0), (-2.5, 0, 0), (-3, 0, 0))
    assert message.startswith("run_ppo: update 3: the KL estimate is -2.5 nats, but a KL is never negative")
    assert messages((-1.5, 0, 0), (0.1, 0, 0), (-1.5, 0, 0), (-0.9, 0, 0)) == []


def test_ratios_that_are_clipped():
    (message,) = messages(*[(0, 0.8, 0)] * 5)
    assert message.startswith("run_ppo: update 3: the ratio of 80% of the tokens is clipped")
    assert messages((0, 0.8, 0), (0, 0.8, 0), (0, 0.4, 0), (0, 0.8, 0)) == []


@pytest.mark.parametrize(("gain", "warned"), [(0.0, 1), (-0.1, 1), (0.1, 0)])
def test_a_kl_that_grows(gain, warned):
    noise = random.Random(1)
    run = [(update, 0.1, gain * update + noise.gauss(0, 0.1)) for update in range(40)]
    found = messages(*run)
    assert len(found) == warned
    assert all("update 20: over 20 updates the KL grew by 10.0 nats, but the score did not" in one for one in found)


def test_two_symptoms_are_two_lines():
    found = messages(*[(-2, 0.9, 0)] * 9)
    assert len(found) == 2
    assert not any("\n" in message for message in found)


def test_numbers_that_are_missing_are_no_symptom():
    assert messages(*[(float("nan"),) * 3] * 25) == []
