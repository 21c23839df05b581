"""A user's own subclass of TRL's trainer: built by `create_ppo_trainer`, or by its own constructor, and run."""

from __future__ import annotations

import itertools

import pytest
from both_apis import EACH_API, WITH_PPOV2, config_of

from rldk.integrations.trl import create_ppo_trainer, run_ppo
from rldk.integrations.trl.releases.generations import generation_of
from rldk.integrations.trl.training.trainer_fixes import mapping_in_trl_core

pytestmark = pytest.mark.trl_ppo

# A class without source, as from a REPL: `inspect.getsource` raises for it.
_PROGRAM = """
class Mine(Base):
    made = 0

    def __init__(self, *args, label="none", **kwargs):
        super().__init__(*args, **kwargs)
        self.label = label

    def step(self, *args, **kwargs):
        self.made += 1
        return super().step(*args, **kwargs)

    def train(self):
        self.made += 1
        return super().train()
"""


def subclass_of(base, *, train):
    program = _PROGRAM if train else _PROGRAM[: _PROGRAM.index("    def train")]
    namespace = {"Base": base, "__name__": "__main__"}
    exec(program, namespace)
    return namespace["Mine"]


@pytest.fixture
def recorder(make_ppo_setup):
    from transformers import TrainerCallback

    class Recorder(TrainerCallback):
        def __init__(self):
            self.calls = []

    def event(name):
        def called(self, args, state, control, logs=None, **kwargs):
            if name != "on_log" or "kl" in logs:
                self.calls.append((name, state.global_step))

        return called

    for name in ("on_train_begin", "on_step_begin", "on_log", "on_step_end", "on_train_end"):
        setattr(Recorder, name, event(name))
    return Recorder()


def events(updates):
    each = ((("on_step_begin", n - 1), ("on_log", n), ("on_step_end", n)) for n in range(1, updates + 1))
    return [("on_train_begin", 0), *itertools.chain(*each), ("on_train_end", updates)]


@EACH_API
def test_it_is_built_and_makes_each_update_once(make_ppo_setup, recorder, api):
    setup = make_ppo_setup(save_strategy="no")
    config = config_of(setup, api)
    generation = generation_of(config)
    cls = subclass_of(generation.trainer, train=generation.api == "train")
    trainer = setup.create_trainer(ppo_config=config, callbacks=[recorder], trainer_class=cls, label="mine")
    assert type(trainer) is cls
    assert trainer.label == "mine"
    updates = run_ppo(trainer, 4)
    assert len(updates) == 4
    assert trainer.made == (1 if generation.api == "train" else 4)
    assert recorder.calls == events(4)
    assert trainer.state.global_step == 4
    assert len(run_ppo(trainer)) == 1
    assert trainer.state.global_step == 5


@EACH_API
def test_an_instance_of_its_own_constructor_runs_too(make_ppo_setup, recorder, api):
    """Its parts are those of a trainer of ours; nothing of ours has touched the instance itself."""
    import torch

    setup = make_ppo_setup(save_strategy="no", gradient_checkpointing=False)
    config = config_of(setup, api)
    generation = generation_of(config)
    ours = setup.create_trainer(ppo_config=config, reward_model=setup.reward_model)
    parts = {"config": config, "train_dataset": setup.train_dataset, "tokenizer": setup.tokenizer}
    if generation.api == "step":
        parts |= {"model": ours.model, "ref_model": ours.ref_model}
        rest = {"data_collator": lambda rows: {"input_ids": [torch.tensor(row["input_ids"]) for row in rows]}}
        kwargs = {"reward_model": setup.reward_model}
    else:
        pair = ours.accelerator.unwrap_model(ours.model)
        reference = getattr(ours, "ref_model", None) or ours.ref_policy
        parts |= {"model": pair.policy, "value_model": pair.value_model, "ref_model": reference}
        parts |= {"reward_model": setup.reward_model, "callbacks": [recorder]}
        rest, kwargs = {}, {}
    cls = subclass_of(generation.trainer, train=generation.api == "train")
    trainer = object.__new__(cls)
    trainer.optimizer_cls_and_kwargs = None
    with mapping_in_trl_core():  # 0.2.0 cannot be built on this Python without it
        trainer.__init__(**generation.arguments(parts), **rest)
    updates = run_ppo(trainer, 4, **kwargs)
    assert len(updates) == 4
    assert trainer.state.global_step == 4
    assert trainer.made == (1 if generation.api == "train" else 4)
    if generation.api == "train":
        assert [call for call in recorder.calls if call[0] != "on_train_begin"] == events(4)[1:]


@EACH_API
def test_another_class_is_refused_in_one_line(make_ppo_setup, api):
    setup = make_ppo_setup()
    config = config_of(setup, api)
    generation = generation_of(config)
    for odd in (dict, generation.trainer.__mro__[1], setup.create_trainer(ppo_config=config), "Mine"):
        with pytest.raises(TypeError, match=r"trainer_class must be .*subclass of .*PPO.*Trainer.* of TRL") as caught:
            setup.create_trainer(ppo_config=config, trainer_class=odd)
        assert "\n" not in str(caught.value)


@WITH_PPOV2
def test_a_class_of_the_other_api_is_refused(make_ppo_setup):
    from trl.trainer.ppov2_trainer import PPOv2Trainer

    with pytest.raises(TypeError, match=r"subclass of PPOTrainer .*step API.*got PPOv2Trainer"):
        make_ppo_setup().create_trainer(trainer_class=PPOv2Trainer)


def test_a_parameter_that_neither_takes_is_refused(ppo_setup):
    cls = subclass_of(generation_of(ppo_setup.config).trainer, train=False)
    with pytest.raises(TypeError, match=r"Mine of TRL .* does not take 'labell'; it takes .*label"):
        ppo_setup.create_trainer(trainer_class=cls, labell="mine")


@EACH_API
def test_the_default_is_trl_s_own_class(make_ppo_setup, api):
    setup = make_ppo_setup()
    config = config_of(setup, api)
    trainer = create_ppo_trainer(
        None,
        config,
        setup.train_dataset,
        model=setup.model,
        reward_model=setup.reward_model,
        tokenizer=setup.tokenizer,
        trainer_class=None,
        **({"value_model": setup.value_model} if setup.value_model is not None else {}),
    )
    assert type(trainer) is generation_of(config).trainer
