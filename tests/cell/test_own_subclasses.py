"""A user's own subclass of TRL's config, and a trainer that replaces TRL's `train()` and logs less than it."""

from __future__ import annotations

import dataclasses
import math

import pytest
from both_apis import EACH_API, config_of

from rldk.integrations.trl import create_ppo_config, run_ppo
from rldk.integrations.trl.config.portable import portable_config
from rldk.integrations.trl.releases.generations import generation_of

pytestmark = pytest.mark.trl_ppo


@EACH_API
def test_the_fields_of_a_config_subclass_are_not_dropped(make_ppo_setup, api):
    base = type(config_of(make_ppo_setup(), api))
    if dataclasses.fields(base):

        @dataclasses.dataclass
        class Mine(base):
            label: str = "none"
            unchanged: int = 3
            tags: list = dataclasses.field(default_factory=list)
            computed: int = dataclasses.field(default=0, init=False)

    else:  # 0.2.0-0.4.1: a PPOConfig with its own __init__

        class Mine(base):
            def __init__(self, *args, label="none", unchanged=3, tags=(), **kwargs):
                super().__init__(*args, **kwargs)
                self.label, self.unchanged, self.tags, self.computed = label, unchanged, tags, 0

    is_train = generation_of(config_of(make_ppo_setup(), api)).api == "train"
    kwargs = {"output_dir": "out", "use_cpu": True, "bf16": False} if is_train else {}
    config = Mine(label="mine", learning_rate=0.5, **kwargs)
    options = portable_config(config)
    assert options["label"] == "mine"
    assert options["learning_rate"] == 0.5
    assert not {"unchanged", "tags", "computed"} & set(options)
    with pytest.raises(TypeError, match="label"):
        create_ppo_config(**options)
    del options["label"]
    assert create_ppo_config(**options).learning_rate == 0.5


@pytest.mark.trl_ppo("train")
@pytest.mark.parametrize("left_out", [[], ["loss/value_avg"], ["objective/scores", "policy/clipfrac_avg"]])
def test_a_log_without_a_key_is_a_warning_and_nan(make_ppo_setup, left_out):
    """Such as the log of a process that is not the main one, from a `train()` that gathers nothing there."""
    logged = {
        "objective/kl": 1.0,
        "objective/entropy": 2.0,
        "objective/scores": 3.0,
        "loss/policy_avg": 4.0,
        "loss/value_avg": 5.0,
        "policy/clipfrac_avg": 6.0,
    }
    names = dict(zip(logged, ("kl", "entropy", "score", "policy_loss", "value_loss", "clip_fraction"), strict=True))
    setup = make_ppo_setup(save_strategy="no")

    class Mine(generation_of(setup.config).trainer):
        def train(self):
            self.log({name: number for name, number in logged.items() if name not in left_out})

    trainer = setup.create_trainer(trainer_class=Mine)
    told = rf"does not log {', '.join(left_out)}, so those metrics are NaN$" if left_out else "empty minibatches$"
    with pytest.warns(UserWarning, match=rf"overrides TRL's train\(\).*{told}"):
        (metrics,) = run_ppo(trainer)
    for name, number in logged.items():
        assert math.isnan(metrics[names[name]]) if name in left_out else metrics[names[name]] == number
