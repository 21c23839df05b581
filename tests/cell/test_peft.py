"""LoRA policies: only the adapter and the value head train, and without the adapter the policy is the reference."""

from __future__ import annotations

import importlib.util
import sys
import warnings

import pytest

from rldk.integrations.trl import create_ppo_trainer, run_ppo

pytestmark = pytest.mark.trl_ppo

HAS_PEFT = importlib.util.find_spec("peft") is not None


def lora():
    from peft import LoraConfig

    # lora_dropout: PEFT 0.2 cannot do without it.
    return LoraConfig(
        r=4, lora_alpha=16, lora_dropout=0.0, target_modules=["c_attn"], fan_in_fan_out=True, task_type="CAUSAL_LM"
    )


def causal_lm(tiny_gpt2):
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(tiny_gpt2)


def peft_model(tiny_gpt2):
    from peft import get_peft_model

    return get_peft_model(causal_lm(tiny_gpt2), lora())


def wrapped(model):
    from rldk.integrations.trl.releases.generations import installed_generation

    return installed_generation().value_head.from_pretrained(model)


POLICIES = {
    "peft_config": lambda path: {"peft_config": lora()},
    "peft_config for a plain policy": lambda path: {"peft_config": lora(), "model": causal_lm(path)},
    "peft_config for a wrapper": lambda path: {"peft_config": lora(), "model": wrapped(str(path))},
    "PeftModel": lambda path: {"model": peft_model(path)},
    "wrapper around a PeftModel": lambda path: {"model": wrapped(peft_model(path))},
}


@pytest.fixture
def setup(make_ppo_setup):
    return make_ppo_setup(reward=lambda texts: [len(set(text)) / 10 for text in texts], learning_rate=1e-2)


@pytest.fixture
def create(setup, tiny_gpt2):
    def make(model_name=None, **arguments):
        return create_ppo_trainer(
            str(tiny_gpt2) if model_name is None else str(model_name),
            setup.config,
            setup.train_dataset,
            tokenizer=setup.tokenizer,
            reward_model=setup.reward_model,
            **arguments,
        )

    return make


def models_of(trainer):
    """Policy, and value model in the train API."""
    if hasattr(trainer, "step"):
        return trainer.model, None
    pair = trainer.accelerator.unwrap_model(trainer.model)
    return pair.policy, pair.value_model


def weights(module):
    return {name: tensor.detach().clone() for name, tensor in module.named_parameters()}


def moved(module, before):
    import torch

    return {name for name, tensor in module.named_parameters() if not torch.equal(tensor, before[name])}


@pytest.mark.trl(">=0.4", reason="no PEFT before")
@pytest.mark.trl_requires("peft")
@pytest.mark.parametrize("kind", POLICIES)
def test_only_the_adapter_and_the_value_head_train(kind, create, tiny_gpt2, measure):
    from peft import PeftModel

    given = POLICIES[kind](tiny_gpt2)
    head = given["model"].v_head if hasattr(given.get("model"), "v_head") else None
    trainer = create(**given)
    policy, value_model = models_of(trainer)
    assert isinstance(getattr(policy, "pretrained_model", policy), PeftModel)
    for module in (policy, value_model):
        if module is not None:
            trainable = {name for name, tensor in module.named_parameters() if tensor.requires_grad}
            assert trainable
            assert all("lora_" in name or name.startswith("v_head.") for name in trainable)
    if head is not None:
        found = policy.v_head if value_model is None else value_model.v_head
        assert all((found.state_dict()[name] == tensor).all() for name, tensor in head.state_dict().items())
    if kind not in ("peft_config", "PeftModel"):  # from here on each is one of these two
        return
    before, value_before = weights(policy), {} if value_model is None else weights(value_model)
    updates = run_ppo(trainer, steps=2 if kind == "peft_config" else 1)
    # The reference is the policy without its adapter, and a fresh adapter changes nothing.
    assert updates[0]["kl"] == pytest.approx(0, abs=1e-4)
    assert all(update["kl"] != 0 for update in updates[1:])
    moves = moved(policy, before)
    assert any("lora_B" in name for name in moves)
    if value_model is None:
        assert any(name.startswith("v_head.") for name in moves)
    else:
        assert any("lora_B" in name for name in moved(value_model, value_before))
        assert any(name.startswith("v_head.") for name in moved(value_model, value_before))
    measure("features", "LoRA policy" if kind == "peft_config" else f"LoRA policy ({kind})", "works")


@pytest.mark.trl(">=0.4", reason="no PEFT before")
@pytest.mark.trl_requires("peft")
def test_a_saved_adapter_is_small_and_is_trained_further(create, tmp_path, measure):
    import torch

    policy, _ = models_of(create(peft_config=lora()))
    with torch.no_grad():
        for parameter in policy.parameters():
            if parameter.requires_grad:
                parameter.add_(0.1)
    folder = tmp_path / "not" / "there"
    policy.save_pretrained(str(folder))  # TRL's wrapper writes before PEFT makes the folder
    names = {path.name for path in folder.iterdir()}
    assert "adapter_config.json" in names
    assert {"adapter_model.safetensors", "adapter_model.bin"} & names
    assert not {"model.safetensors", "config.json"} & names
    again, value_model = models_of(create(folder))
    assert {name for name, tensor in again.named_parameters() if tensor.requires_grad} == {
        name for name, tensor in policy.named_parameters() if tensor.requires_grad
    }
    for (name, old), (_, new) in zip(policy.named_parameters(), again.named_parameters(), strict=True):
        assert torch.equal(old, new), name
    if value_model is not None:
        assert any("lora_" in name for name, _ in value_model.named_parameters())
    measure("features", "LoRA policy (saved and trained further)", "works")


@pytest.mark.trl(">=0.4", reason="no PEFT before")
@pytest.mark.trl_requires("peft")
def test_two_adapters_are_refused(create, tiny_gpt2):
    with pytest.raises(
        ValueError, match=r"^create_ppo_trainer: model already is a PeftModel, and peft_config would add"
    ):
        create(model=peft_model(tiny_gpt2), peft_config=lora())


@pytest.mark.trl(">=0.4", reason="no PEFT before")
@pytest.mark.trl_requires("peft")
def test_a_reference_model_that_is_not_asked_is_said(create, setup, tiny_gpt2):
    if setup.release.ppo_api == "step":
        with pytest.warns(UserWarning, match=r"ref_model is not used, because TRL \S+ \(step API\)"):
            create(peft_config=lora(), ref_model=setup.ref_model)
    else:
        with warnings.catch_warnings():
            warnings.filterwarnings("error", message=".*ref_model.*")
            trainer = create(peft_config=lora(), ref_model=setup.ref_model)
        assert setup.ref_model in (getattr(trainer, "ref_model", None), getattr(trainer, "ref_policy", None))


@pytest.mark.trl("<0.4", reason="PEFT works from there on")
def test_peft_is_refused_before_0_4(create, version, measure):
    message = (
        rf"^create_ppo_trainer: peft_config was passed, but TRL {version} cannot train PEFT policies: .*"
        r"TRL 0\.4\.0-1\.12\.0$"
    )
    with pytest.raises(TypeError, match=message):
        create(peft_config=object())
    measure("features", "LoRA policy", "refused")


@pytest.mark.trl(">=0.4", reason="no PEFT before")
def test_without_peft_one_line_says_what_to_install(create, monkeypatch):
    if HAS_PEFT:  # a broken install stands in where it is there
        monkeypatch.setitem(sys.modules, "peft", None)
    expected = r"^peft \S+ is installed, but" if HAS_PEFT else r"^peft is not installed: pip install peft$"
    with pytest.raises(ImportError, match=expected) as caught:
        create(peft_config=object())
    assert "\n" not in str(caught.value)
