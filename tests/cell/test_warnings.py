"""Under the user's own `-W error`: warnings of user code are errors, those of TRL's calls are not."""

from __future__ import annotations

import warnings

import pytest
from both_apis import EACH_API, config_of

from rldk.integrations.trl import load_ppo_checkpoint, run_ppo, save_ppo_checkpoint
from rldk.integrations.trl.rewards.functions import RewardFunctionError

pytestmark = pytest.mark.trl_ppo


def warn_always(message):
    warnings.warn(message, UserWarning, stacklevel=2)


@pytest.fixture
def errors():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield list(warnings.filters)


def unchanged(filters):
    """Whether the user's filters are as they were, also where a library added some for its own warnings on import."""
    rest = iter(warnings.filters)
    added = [entry for entry in warnings.filters if entry not in filters]
    return all(entry in rest for entry in filters) and not any(
        (entry[1] is None and entry[2] is Warning) or "rldk" in type(entry[1]).__module__ for entry in added
    )


@EACH_API
def test_a_warning_of_a_reward_function_is_an_error(make_ppo_setup, errors, api):
    def score(texts):
        warn_always("the reward model is old")
        return [1.0] * len(texts)

    setup = make_ppo_setup(reward=score)
    trainer = setup.create_trainer(ppo_config=config_of(setup, api))
    with pytest.raises(RewardFunctionError, match="raised UserWarning: the reward model is old") as caught:
        run_ppo(trainer)
    assert isinstance(caught.value.__cause__, UserWarning)
    assert unchanged(errors)


@EACH_API
@pytest.mark.parametrize("event", ["on_train_begin", "on_step_begin", "on_log", "on_step_end"])
def test_a_warning_of_a_callback_is_an_error(make_ppo_setup, errors, api, event):
    from transformers import TrainerCallback

    def warn(self, args, state, control, **kwargs):
        warn_always(f"{event} of mine")

    setup = make_ppo_setup()
    callback = type("Mine", (TrainerCallback,), {event: warn, "__module__": __name__})
    trainer = setup.create_trainer(ppo_config=config_of(setup, api), callbacks=[callback])
    with pytest.raises(UserWarning, match=f"{event} of mine"):
        run_ppo(trainer)
    assert unchanged(errors)
    assert "call_event" not in vars(trainer.callback_handler)


@EACH_API
def test_a_warning_of_a_data_collator_is_an_error(make_ppo_setup, errors, api, tmp_path):
    import torch

    def collate(rows):
        if warned:
            warn_always("an odd batch")
        return {name: torch.tensor([row[name] for row in rows]) for name in rows[0]}

    setup, warned = make_ppo_setup(reward=lambda texts: [1.0] * len(texts)), False
    trainer = setup.create_trainer(ppo_config=config_of(setup, api), data_collator=collate)
    if hasattr(trainer, "args"):  # the step API keeps it in the loader only
        assert trainer.data_collator is collate
    run_ppo(trainer)
    save_ppo_checkpoint(trainer, tmp_path / "saved")
    resumed = setup.create_trainer(ppo_config=config_of(setup, api), data_collator=collate)
    load_ppo_checkpoint(resumed, tmp_path / "saved")
    warned = True
    with pytest.raises(UserWarning, match="an odd batch"):
        run_ppo(resumed, 3)  # accelerate takes a batch ahead
    assert unchanged(errors)


@EACH_API
def test_a_warning_of_a_callback_that_is_made_is_an_error(make_ppo_setup, errors, api):
    from transformers import TrainerCallback

    class AtItsInit(TrainerCallback):
        def __init__(self):
            warn_always("made")

    setup = make_ppo_setup()
    with pytest.raises(UserWarning, match="made"):
        setup.create_trainer(ppo_config=config_of(setup, api), callbacks=[AtItsInit])
    assert unchanged(errors)


@EACH_API
def test_a_warning_in_trl_s_calls_is_shown(make_ppo_setup, errors, api, monkeypatch):
    """The policy's forward pass and a callback of transformers' own: nothing that the user's code called."""
    from transformers import PrinterCallback, TrainerCallback

    seen = []

    def shown(message, *args, **kwargs):
        seen.append(str(message))

    def warn(self, *args, **kwargs):
        warn_always("a callback of transformers warns")

    class Mine(TrainerCallback):
        def on_step_begin(self, args, state, control, **kwargs):
            assert unchanged(errors)
            self.model = kwargs["model"]

    def score(texts):
        assert unchanged(errors)
        return [1.0] * len(texts)

    monkeypatch.setattr(PrinterCallback, "on_step_end", warn)
    monkeypatch.setattr(warnings, "showwarning", shown)
    mine = Mine()
    setup = make_ppo_setup(reward=score)
    setup.model.register_forward_hook(lambda *_: warn_always("a model of transformers warns"))
    trainer = setup.create_trainer(ppo_config=config_of(setup, api), callbacks=[mine, PrinterCallback()])
    for model in trainer.accelerator.unwrap_model(trainer.model).modules():
        if "Embedding" in type(model).__name__:
            model.register_forward_hook(lambda *_: warn_always("a model of transformers warns"))
    run_ppo(trainer, 2)
    assert {"a callback of transformers warns", "a model of transformers warns"} <= set(seen)
    assert mine.model is not None
    assert unchanged(errors)


def test_outside_a_run_nothing_changes(errors):
    from rldk.integrations.trl.releases.quiet import callers_warnings, third_party_warnings

    with callers_warnings():
        assert warnings.filters == errors
    with third_party_warnings(), third_party_warnings():
        assert warnings.filters != errors
        assert not unchanged(errors)
        with callers_warnings(), callers_warnings():
            assert warnings.filters == errors
            with third_party_warnings():
                warn_always("shown")
            with pytest.raises(UserWarning):
                warn_always("raised")
        warn_always("shown")
    assert warnings.filters == errors
