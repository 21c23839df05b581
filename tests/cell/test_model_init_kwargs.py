"""`model_init_kwargs`: what is passed to `from_pretrained` reaches every part that `create_ppo_trainer` builds."""

from __future__ import annotations

import pytest

from rldk.integrations.trl import create_ppo_trainer, prepare_models_for_ppo, save_ppo_checkpoint

pytestmark = pytest.mark.trl_ppo


def dtypes(trainer):
    whole = trainer.accelerator.unwrap_model(trainer.model)
    if not hasattr(whole, "policy"):
        return {"policy": whole.pretrained_model.dtype, "reward": trainer.reward_model.dtype}
    value = getattr(whole.value_model, "pretrained_model", whole.value_model)
    return {"policy": whole.policy.dtype, "value": value.dtype, "reward": trainer.reward_model.dtype}


def build(setup, name, **options):
    parts = {"model": None, "ref_model": None, "value_model": None, "reward_model": None, "tokenizer": None}
    with pytest.warns(UserWarning, match="no reward_model was passed"):
        return setup.create_trainer(model_name=str(name), **parts, **options)


def test_the_dtype_reaches_every_part(make_ppo_setup, tiny_gpt2, tmp_path):
    import torch

    setup = make_ppo_setup()
    trainer = build(setup, tiny_gpt2, model_init_kwargs={"torch_dtype": torch.float64})
    assert set(dtypes(trainer).values()) == {torch.float64}
    save_ppo_checkpoint(trainer, tmp_path / "saved")
    again = build(setup, tmp_path / "saved", model_init_kwargs={"torch_dtype": torch.float64})
    assert set(dtypes(again).values()) == {torch.float64}
    assert set(dtypes(build(setup, tiny_gpt2)).values()) == {torch.float32}


def test_where_files_are_found_reaches_the_tokenizer_too(make_ppo_setup, monkeypatch, tiny_gpt2):
    """A revision of a Hub id: there is no Hub here, so what each `from_pretrained` is asked for is looked at."""
    import transformers

    asked = []
    for cls in (
        transformers.AutoTokenizer,
        transformers.AutoConfig,
        transformers.AutoModelForCausalLM,
        transformers.AutoModelForSequenceClassification,
    ):
        own = cls.from_pretrained

        def noted(*args, cls=cls, own=own, **kwargs):
            asked.append((cls.__name__, kwargs.get("revision")))
            return own(*args, **kwargs)

        monkeypatch.setattr(cls, "from_pretrained", noted)
    setup = make_ppo_setup()
    asked.clear()
    build(setup, tiny_gpt2, model_init_kwargs={"revision": "v2"})
    kinds = ("AutoTokenizer", "AutoModelForCausalLM", "AutoModelForSequenceClassification")
    assert {kind: {found for name, found in asked if name == kind} for kind in kinds} == {
        kind: {"v2"} for kind in kinds
    }
    asked.clear()
    prepare_models_for_ppo(str(tiny_gpt2), revision="v2")
    assert ("AutoTokenizer", "v2") in asked


def test_a_part_that_is_passed_stays_as_it_is(make_ppo_setup):
    import torch

    setup = make_ppo_setup()
    trainer = setup.create_trainer(model_init_kwargs={"torch_dtype": torch.float64})
    assert dtypes(trainer)["policy"] == torch.float32
    assert create_ppo_trainer.__kwdefaults__["model_init_kwargs"] is None
