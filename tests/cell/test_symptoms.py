"""`run_ppo` warns once of what a real run's metrics show."""

from __future__ import annotations

import warnings

import pytest
from both_apis import EACH_API, config_of

from rldk.integrations.trl import run_ppo

pytestmark = pytest.mark.trl_ppo


def lengths(texts):
    return [float(len(text)) for text in texts]


def warnings_of(trainer, steps, **options):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        metrics = run_ppo(trainer, steps, **options)
    return [str(one.message) for one in caught if str(one.message).startswith("run_ppo: update")], metrics


@EACH_API
def test_clipped_ratios_are_said_once(make_ppo_setup, api):
    options = {"cliprange": 1e-5, "learning_rate": 1e-2}
    setup = make_ppo_setup(reward=lengths, num_ppo_epochs=8, **options)
    trainer = setup.create_trainer(ppo_config=config_of(setup, api, num_ppo_epochs=8, **options))
    found, metrics = [], []
    for _ in range(4):  # a second run continues the watch of the first
        new, updates = warnings_of(trainer, 2)
        found, metrics = found + new, metrics + updates
    clipped = [update["clip_fraction"] for update in metrics]
    first = next(n for n in range(3, len(clipped) + 1) if min(clipped[n - 3 : n]) > 0.5)
    (message,) = [one for one in found if "the ratio of" in one]
    assert f"update {first}: the ratio of {clipped[first - 1]:.0%} of the tokens is clipped" in message


@pytest.mark.trl_ppo("step")
def test_a_minimum_length_makes_the_kl_negative(make_ppo_setup):
    """The policy wants to end its text, which the generation forbids; the reference does not want to."""
    import torch

    setup = make_ppo_setup(reward=lengths)
    backbone = setup.model.pretrained_model.transformer
    with torch.no_grad():
        end = backbone.wte.weight[setup.tokenizer.eos_token_id]
        backbone.ln_f.bias += 8 * end / (end @ end)
    found, metrics = warnings_of(setup.create_trainer(), 2, min_new_tokens=8)
    assert max(update["kl"] for update in metrics) < -1
    assert len(found) == 1
    assert "update 2: the KL estimate is -" in found[0]
