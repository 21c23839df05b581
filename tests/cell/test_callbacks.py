"""transformers' callbacks around each update, the same through either API."""

from __future__ import annotations

import pytest
from both_apis import EACH_API, config_of

from rldk.integrations.trl import run_ppo

pytestmark = pytest.mark.trl_ppo

PORTABLE = {"kl", "entropy", "score", "policy_loss", "value_loss", "clip_fraction"}


@pytest.fixture
def recorder(make_ppo_setup):
    """A class of callbacks that write down what they are called with, and do what they are told."""
    from transformers import TrainerCallback

    class Recorder(TrainerCallback):
        def __init__(self, stop_after=None, save_after=None):
            self.calls = []
            self.logs = []
            self.stop_after, self.save_after = stop_after, save_after

        def on_train_begin(self, args, state, control, **kwargs):
            assert kwargs["model"] is not None
            assert kwargs["optimizer"] is not None
            self.calls.append(("train_begin", state.global_step, state.max_steps))

        def on_step_begin(self, args, state, control, **kwargs):
            self.calls.append(("step_begin", state.global_step))

        def on_log(self, args, state, control, logs=None, **kwargs):
            if "kl" in logs:  # the progress bar's total is logged on some releases too
                self.calls.append(("log", state.global_step))
                self.logs.append(dict(logs))

        def on_step_end(self, args, state, control, **kwargs):
            self.calls.append(("step_end", state.global_step))
            control.should_training_stop = state.global_step == self.stop_after
            control.should_save = state.global_step == self.save_after

        def on_save(self, args, state, control, **kwargs):
            self.calls.append(("save", state.global_step))

        def on_train_end(self, args, state, control, **kwargs):
            self.calls.append(("train_end", state.global_step))

    return Recorder


def one_update(number):
    return [("step_begin", number - 1), ("log", number), ("step_end", number)]


@EACH_API
def test_they_are_called_around_each_update(make_ppo_setup, recorder, measure, api):
    setup, callback = make_ppo_setup(save_strategy="no"), recorder()
    trainer = setup.create_trainer(callbacks=[callback], ppo_config=config_of(setup, api))
    updates = run_ppo(trainer, 2)
    assert callback.calls == [("train_begin", 0, 2), *one_update(1), *one_update(2), ("train_end", 2)]
    for logs, metrics in zip(callback.logs, updates, strict=True):
        assert {name: logs[name] for name in PORTABLE} == dict(metrics)
        assert "objective/kl" in logs, "TRL's own numbers stand beside ours"

    callback.calls.clear()
    run_ppo(trainer)
    assert callback.calls == [("train_begin", 2, 3), *one_update(3), ("train_end", 3)], "counters go on"
    measure("features", "callbacks" if api is None else "callbacks, PPOv2", "works")


@EACH_API
def test_one_of_them_stops_and_saves(make_ppo_setup, recorder, api):
    setup, callback = make_ppo_setup(save_strategy="no"), recorder(stop_after=1, save_after=1)
    trainer = setup.create_trainer(callbacks=[callback], ppo_config=config_of(setup, api))
    assert len(run_ppo(trainer, 3)) == 1
    assert callback.calls == [("train_begin", 0, 3), *one_update(1), ("save", 1), ("train_end", 1)]
    (checkpoint,) = setup.output_dir.glob("checkpoint-*")
    assert checkpoint.name == "checkpoint-1"
    assert (checkpoint / "config.json").is_file()


def test_what_is_no_callback_is_said(ppo_setup):
    with pytest.raises(TypeError, match=r"callbacks holds <object .*>, which is not a transformers.TrainerCallback"):
        ppo_setup.create_trainer(callbacks=[object()])


@pytest.mark.trl_ppo("step")
def test_a_callback_that_needs_the_train_api_s_config_is_said(ppo_setup):
    from transformers import EarlyStoppingCallback

    trainer = ppo_setup.create_trainer(callbacks=[EarlyStoppingCallback()])
    with pytest.raises(TypeError, match=r"reads args\.load_best_model_at_end in on_train_begin, but the step API's"):
        run_ppo(trainer)
