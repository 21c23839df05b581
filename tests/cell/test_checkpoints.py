"""A run that was saved and taken up by a fresh trainer is the run that never stopped."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import pytest
from both_apis import EACH_API, config_of

from rldk.integrations.trl import create_ppo_trainer, run_ppo
from rldk.integrations.trl.checkpoints.save_and_load import load_ppo_checkpoint, save_ppo_checkpoint

pytestmark = pytest.mark.trl_ppo


def distinct_letters(texts: list[str]) -> list[float]:
    return [len(set(text)) / 10 for text in texts]


def model_of(trainer):
    return trainer.accelerator.unwrap_model(trainer.model)


def weights(model):
    return {name: parameter.detach().clone() for name, parameter in model.named_parameters()}


def same(one, other):
    return one.keys() == other.keys() and all(bool((one[name] == other[name]).all()) for name in one)


def state_of(folder):
    import torch

    return torch.load(folder / "training_state.pt", weights_only=True)


def as_format_1(trainer, folder):
    """Write the checkpoint as earlier releases of rldk-trl did: with all trainable weights in the state."""
    import torch

    state = state_of(folder)
    del state["stored"]
    model = trainer.accelerator.unwrap_model(trainer.model)
    state["parameters"] = {name: value.detach() for name, value in model.named_parameters() if value.requires_grad}
    torch.save(state, folder / "training_state.pt")
    about = json.loads((folder / "ppo_checkpoint.json").read_text())
    (folder / "ppo_checkpoint.json").write_text(json.dumps({**about, "format": 1}))


ADAPTIVE = {"kl_coef": 0.1, "adap_kl_ctrl": True}


@pytest.fixture
def make_trainer(make_ppo_setup):
    """Fresh trainers, all the same, with a KL coefficient that moves."""

    def make(api=None):
        setup = make_ppo_setup(reward=distinct_letters, learning_rate=1e-2, **ADAPTIVE)
        return setup, setup.create_trainer(ppo_config=config_of(setup, api, learning_rate=1e-2, **ADAPTIVE))

    return make


@EACH_API
def test_a_resumed_run_is_the_run_that_never_stopped(make_trainer, tmp_path, measure, api):
    from transformers import AutoModelForCausalLM

    _, whole = make_trainer(api)
    expected = run_ppo(whole, 3)  # two batches an epoch, so the last is of the second

    _, first = make_trainer(api)
    assert run_ppo(first) == expected[:1]
    save_ppo_checkpoint(first, tmp_path / "run" / "one")
    saved = weights(model_of(first))
    del first

    setup, resumed = make_trainer(api)
    load_ppo_checkpoint(resumed, tmp_path / "run" / "one")
    assert same(weights(model_of(resumed)), saved)
    assert resumed.state.global_step == 1
    assert run_ppo(resumed, 2) == expected[1:]
    assert same(weights(model_of(resumed)), weights(model_of(whole)))
    assert resumed.kl_ctl.value == whole.kl_ctl.value != 0.1
    assert resumed.lr_scheduler is None or resumed.lr_scheduler.last_epoch == whole.lr_scheduler.last_epoch

    folder = tmp_path / "run" / "one"
    state = state_of(folder)
    assert not state["parameters"], "each weight is saved once, in the model's own files"
    assert state["stored"].keys() == saved.keys()
    once = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    assert [path.name for path in folder.parent.iterdir()] == ["one"], "nothing is left beside it"
    policy = AutoModelForCausalLM.from_pretrained(folder)
    assert policy.generation_config.eos_token_id == setup.tokenizer.eos_token_id
    prefix = "pretrained_model." if hasattr(resumed, "step") else "policy."
    of_policy = {name.removeprefix(prefix): value for name, value in saved.items() if name.startswith(prefix)}
    assert same(weights(policy), of_policy)
    if not hasattr(resumed, "step"):  # TRL's own way to save the policy, without the value model
        resumed.save_model(str(tmp_path / "policy"))
        policy = AutoModelForCausalLM.from_pretrained(tmp_path / "policy")
        assert policy.generation_config.eos_token_id == setup.tokenizer.eos_token_id
    as_format_1(resumed, folder)
    twice = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    assert twice - once > 0.8 * sum(value.nbytes for value in saved.values())
    load_ppo_checkpoint(make_trainer(api)[1], folder)
    measure("features", "save and resume" if api is None else "save and resume, PPOv2", "works")


@EACH_API
def test_a_fresh_trainer_takes_up_policy_and_value_model(make_trainer, tmp_path, api):
    setup, first = make_trainer(api)
    run_ppo(first)
    save_ppo_checkpoint(first, tmp_path / "saved")
    fresh = create_ppo_trainer(
        str(tmp_path / "saved"), config_of(setup, api, **ADAPTIVE), setup.train_dataset, reward_model=distinct_letters
    )
    assert same(weights(model_of(fresh)), weights(model_of(first)))
    with pytest.warns(UserWarning, match="the reference model is not the one that .* was trained with"):
        load_ppo_checkpoint(fresh, tmp_path / "saved")


@pytest.mark.trl(">=0.4.0")
@pytest.mark.trl_requires("peft")
def test_an_adapter_is_saved_as_one_and_goes_on(make_ppo_setup, tmp_path):
    from peft import LoraConfig

    def make_trainer():
        lora = LoraConfig(
            r=2, lora_alpha=4, lora_dropout=0.0, target_modules=["c_attn"], fan_in_fan_out=True, task_type="CAUSAL_LM"
        )
        setup = make_ppo_setup(reward=distinct_letters, learning_rate=1e-2)
        return setup.create_trainer(peft_config=lora, ref_model=None, value_model=None)

    whole = make_trainer()
    expected = run_ppo(whole, 2)
    first = make_trainer()
    run_ppo(first)
    save_ppo_checkpoint(first, tmp_path / "saved")
    assert (tmp_path / "saved" / "adapter_config.json").is_file()
    assert not state_of(tmp_path / "saved")["parameters"]
    resumed = make_trainer()
    load_ppo_checkpoint(resumed, tmp_path / "saved")
    assert run_ppo(resumed) == expected[1:]
    assert same(weights(model_of(resumed)), weights(model_of(whole)))


@pytest.mark.trl(">=0.5.0", reason="earlier releases do not accumulate gradients, or do it wrongly")
def test_a_run_with_a_reward_model_and_accumulation_goes_on(make_ppo_setup, tmp_path):
    def make_trainer():
        return make_ppo_setup(
            learning_rate=1e-2, per_device_train_batch_size=2, gradient_accumulation_steps=2
        ).create_trainer()

    whole = make_trainer()
    expected = run_ppo(whole, 2)
    first = make_trainer()
    run_ppo(first)
    save_ppo_checkpoint(first, tmp_path / "saved")
    assert not state_of(tmp_path / "saved")["parameters"]
    resumed = make_trainer()
    load_ppo_checkpoint(resumed, tmp_path / "saved")
    assert run_ppo(resumed) == expected[1:]
    assert same(weights(model_of(resumed)), weights(model_of(whole)))


@pytest.fixture
def saved(make_trainer, tmp_path):
    _, trainer = make_trainer()
    save_ppo_checkpoint(trainer, tmp_path / "saved")
    return trainer, tmp_path / "saved"


def test_a_save_that_fails_leaves_what_was_there(saved, monkeypatch):
    import torch

    trainer, folder = saved
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}

    def full(*args, **kwargs):
        raise OSError("No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(torch, "save", full)
        with pytest.raises(OSError, match="No space left"):
            save_ppo_checkpoint(trainer, folder)
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before
    assert not list(folder.parent.glob(".saved*"))
    (folder.parent / ".saved.killed.partial").mkdir()  # as a kill leaves it
    save_ppo_checkpoint(trainer, folder)
    assert not list(folder.parent.glob(".saved*"))
    assert {path.name for path in folder.iterdir()} == set(before)


def test_what_does_not_fit_is_said_and_changes_nothing(saved, tmp_path):
    trainer, folder = saved
    before = weights(model_of(trainer))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").touch()
    with pytest.raises(FileExistsError, match="contains files that are not a checkpoint: use another folder"):
        save_ppo_checkpoint(trainer, tmp_path / "other")
    with pytest.raises(FileNotFoundError, match=r"was not written by save_ppo_checkpoint \(it has no ppo_checkpoint"):
        load_ppo_checkpoint(trainer, tmp_path / "other")

    about = json.loads((folder / "ppo_checkpoint.json").read_text())
    other_api = "train" if about["api"] == "step" else "step"
    (folder / "ppo_checkpoint.json").write_text(json.dumps({**about, "api": other_api}))
    with pytest.raises(ValueError, match=rf"is from the {other_api} API .* this trainer has the {about['api']} API"):
        load_ppo_checkpoint(trainer, folder)
    (folder / "ppo_checkpoint.json").write_text(json.dumps(about))

    files = [path for path in folder.rglob("*") if path.suffix in (".safetensors", ".bin")]
    away = [path.rename(path.with_suffix(".away")) for path in files]
    with pytest.raises(ValueError, match=r"the model files no longer have \d+ of the weights .*: put the files back"):
        load_ppo_checkpoint(trainer, folder)
    for path, moved in zip(files, away, strict=True):
        moved.rename(path)

    name, parameter = next(iter(model_of(trainer).named_parameters()))
    parameter.requires_grad_(False)
    with pytest.raises(ValueError, match=rf"does not fit this trainer: 1 parameters differ .* \({name} first\)"):
        load_ppo_checkpoint(trainer, folder)
    assert same(weights(model_of(trainer)), before)


def test_the_example_runs(make_ppo_setup, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    runpy.run_path(str(Path(__file__).parents[2] / "examples/save_and_resume.py"))
    assert capsys.readouterr().out.count("'value_loss': ") >= 2
