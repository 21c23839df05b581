"""``eval_dataset`` and sample completions: shown on the train API, refused by the step API."""

from __future__ import annotations

import contextlib
import importlib.util

import pytest
from both_apis import WITH_PPOV2, config_of
from packaging.version import Version

from rldk.integrations.trl import run_ppo

pytestmark = pytest.mark.trl_ppo

FEATURE = "eval dataset and sample completions"


@pytest.mark.trl_ppo("step")
def test_the_step_api_refuses_it(ppo_setup, measure):
    with pytest.raises(TypeError, match=r"PPOTrainer of TRL .* \(step API\) does not take 'eval_dataset'; it takes"):
        ppo_setup.create_trainer(eval_dataset=ppo_setup.train_dataset)
    measure("features", FEATURE, "refused")


@pytest.mark.parametrize(
    "api",
    [pytest.param(None, marks=pytest.mark.trl_ppo("train")), pytest.param("train", marks=WITH_PPOV2, id="ppov2")],
)
def test_completions_of_its_prompts_are_shown(make_ppo_setup, capsys, measure, monkeypatch, api):
    options = {
        "num_sample_generations": 2,
        "total_episodes": 8,
        "per_device_eval_batch_size": 4,
        "save_strategy": "no",
    }
    setup = make_ppo_setup(**(options if api is None else {}))
    dataset = setup.train_dataset.select(range(4))
    dataset = dataset.add_column("prompt", [f"prompt {number}" for number in range(4)])
    config, with_rich = config_of(setup, api, **options), importlib.util.find_spec("rich") is not None
    warns = pytest.warns(UserWarning, match="but not show them: pip install rich")
    with contextlib.nullcontext() if with_rich else warns:
        trainer = setup.create_trainer(eval_dataset=dataset, ppo_config=config)
    sampled = []
    monkeypatch.setattr(trainer, "generate_completions", counted(trainer.generate_completions, sampled))
    before = sorted(setup.output_dir.rglob("*"))
    run_ppo(trainer, 2)
    assert len(sampled) == 2
    shown = capsys.readouterr().out
    assert ("model response" in shown) == with_rich
    assert (setup.tokenizer.decode(dataset[0]["input_ids"]).split()[0] in shown) == with_rich
    assert sorted(setup.output_dir.rglob("*")) == before, "completions are shown, not written"
    measure("features", FEATURE if api is None else f"{FEATURE}, PPOv2", "works")


def counted(function, calls):
    def call(*args, **kwargs):
        calls.append(args)
        return function(*args, **kwargs)

    return call


@pytest.mark.trl_ppo("train")
def test_fewer_prompts_than_a_batch_are_said(make_ppo_setup):
    setup = make_ppo_setup(num_sample_generations=1, per_device_eval_batch_size=8)
    with pytest.warns(UserWarning, match="eval_dataset has 2 prompts, fewer than one batch of 8; .* will be sampled"):
        setup.create_trainer(eval_dataset=setup.train_dataset.select(range(2)))


@pytest.mark.trl_ppo("train")
def test_without_one_none_are_sampled(make_ppo_setup, version):
    setup = make_ppo_setup(num_sample_generations=2)
    trainer = setup.create_trainer()
    assert run_ppo(trainer)
    assert setup.config.num_sample_generations == 2, "the config is the user's"
    assert trainer.args.num_sample_generations == (2 if version >= Version("0.29.0") else 0)
