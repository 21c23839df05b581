"""Value heads: those that a checkpoint holds are taken up, whole, on either API and in every file format."""

from __future__ import annotations

import copy
import importlib.util
import inspect
import shutil

import pytest

from rldk.integrations.trl import create_ppo_trainer, prepare_models_for_ppo, run_ppo

pytestmark = pytest.mark.trl_ppo


@pytest.fixture(scope="module")
def trained(tiny_gpt2):
    """A wrapper as a training would leave it: every weight moved, the value head's too."""
    import torch
    from transformers import AutoModelForCausalLM

    from rldk.integrations.trl.releases.generations import installed_generation

    wrapper = installed_generation().value_head.from_pretrained(AutoModelForCausalLM.from_pretrained(tiny_gpt2))
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in wrapper.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    return wrapper


FORMATS = {
    "safetensors": {"safe_serialization": True},
    "bin": {"safe_serialization": False},
    "safetensors in shards": {"safe_serialization": True, "max_shard_size": "100KB"},
    "bin in shards": {"safe_serialization": False, "max_shard_size": "100KB"},
}
FILES = {
    "safetensors": "model.safetensors",
    "bin": "pytorch_model.bin",
    "safetensors in shards": "model.safetensors.index.json",
    "bin in shards": "pytorch_model.bin.index.json",
}


def can_save(model, name):
    if "safe_serialization" not in inspect.signature(model.save_pretrained).parameters:
        return name.startswith("safetensors")  # transformers 5 writes nothing else
    return name.startswith("bin") or importlib.util.find_spec("safetensors") is not None


@pytest.fixture(scope="module")
def saved(trained, tiny_gpt2, tmp_path_factory):
    """Where TRL's own `save_pretrained` put `trained`, in each format that this transformers writes."""
    from transformers import AutoTokenizer

    folders = {}
    for name, options in FORMATS.items():
        if can_save(trained.pretrained_model, name):
            folder = tmp_path_factory.mktemp("saved")
            known = inspect.signature(trained.pretrained_model.save_pretrained).parameters
            trained.save_pretrained(str(folder), **{key: value for key, value in options.items() if key in known})
            AutoTokenizer.from_pretrained(tiny_gpt2).save_pretrained(folder)
            assert (folder / FILES[name]).is_file()
            folders[name] = folder
    assert folders
    return folders


def same_weights(module, expected):
    import torch

    found = module.state_dict()
    assert found.keys() == expected.state_dict().keys()
    return all(torch.equal(found[name], tensor) for name, tensor in expected.state_dict().items())


def test_every_file_format_is_read(trained, saved, tiny_gpt2):
    import torch

    from rldk.integrations.trl.models.value_head import saved_value_head

    expected = trained.v_head.state_dict()
    for name, folder in saved.items():
        found = saved_value_head(str(folder))
        assert found.keys() == expected.keys(), name
        assert all(torch.equal(found[key], tensor) for key, tensor in expected.items()), name
    assert saved_value_head(str(tiny_gpt2)) == {}
    assert saved_value_head(None) == saved_value_head("") == saved_value_head("no/such-model") == {}


def test_a_hub_checkpoint_is_read_from_the_cache(trained, saved, tmp_path, make_ppo_setup):
    """The layout is huggingface_hub's own; the network is closed here, so a look that asks it would fail."""
    from rldk.integrations.trl.models.value_head import saved_value_head

    place = tmp_path / "models--someone--policy"
    (place / "refs").mkdir(parents=True)
    (place / "refs" / "main").write_text("0" * 40)
    shutil.copytree(next(iter(saved.values())), place / "snapshots" / ("0" * 40))
    found = saved_value_head("someone/policy", cache_dir=str(tmp_path), torch_dtype=None)
    assert found.keys() == trained.v_head.state_dict().keys()
    assert saved_value_head("someone/policy", cache_dir=str(tmp_path / "other")) == {}


def value_head_of(trainer):
    if hasattr(trainer, "step"):
        return trainer.model.v_head
    return trainer.accelerator.unwrap_model(trainer.model).value_model.score


def test_a_trainer_takes_up_the_value_head_of_its_checkpoint(make_ppo_setup, trained, saved, measure):
    for folder in dict.fromkeys([next(iter(saved.values())), list(saved.values())[-1]]):  # a whole one, one in shards
        setup = make_ppo_setup(reward=lambda texts: [1.0] * len(texts))
        trainer = create_ppo_trainer(
            str(folder), setup.config, setup.train_dataset, reward_model=setup.reward_model, tokenizer=setup.tokenizer
        )
        head = value_head_of(trainer)
        assert same_weights(head, trained.v_head)
        policy = trainer.model if setup.release.ppo_api == "step" else trainer.accelerator.unwrap_model(trainer.model)
        if setup.release.ppo_api == "train":
            assert same_weights(policy.policy, trained.pretrained_model)
            assert same_weights(policy.value_model.pretrained_model, trained.pretrained_model)
            assert policy.value_model.pretrained_model is not policy.policy
        else:
            assert same_weights(policy.pretrained_model, trained.pretrained_model)
    measure("features", "value head of a checkpoint", "works")


def test_a_wrapper_as_the_policy_keeps_its_value_head_and_trains_it(make_ppo_setup, trained, measure):
    setup = make_ppo_setup(reward=lambda texts: [1.0] * len(texts))
    trainer = setup.create_trainer(model=copy.deepcopy(trained), ref_model=None, value_model=None)
    head = value_head_of(trainer)
    assert same_weights(head, trained.v_head)
    before = copy.deepcopy(head)
    assert run_ppo(trainer)
    assert not same_weights(head, before)
    measure("features", "value-head policy", "works")


def test_prepared_models_bring_their_value_head(make_ppo_setup, trained, saved):
    folder = next(iter(saved.values()))
    models = prepare_models_for_ppo(str(folder))
    setup = make_ppo_setup(reward=lambda texts: [1.0] * len(texts))
    if setup.release.ppo_api == "step":
        assert same_weights(models.model.v_head, trained.v_head)
        assert same_weights(models.ref_model.v_head, trained.v_head)
    trainer = create_ppo_trainer(
        None,
        setup.config,
        setup.train_dataset,
        model=models.model,
        ref_model=models.ref_model,
        reward_model=setup.reward_model,
        tokenizer=models.tokenizer,
    )
    assert same_weights(value_head_of(trainer), trained.v_head)


def test_a_plain_model_of_such_a_checkpoint_brings_it_too(make_ppo_setup, trained, saved):
    from transformers import AutoModelForCausalLM

    folder = next(iter(saved.values()))
    setup = make_ppo_setup()
    trainer = setup.create_trainer(
        model=AutoModelForCausalLM.from_pretrained(folder), ref_model=None, value_model=None
    )
    assert same_weights(value_head_of(trainer), trained.v_head)


def test_where_the_checkpoint_holds_none_the_head_is_fresh(make_ppo_setup, trained):
    setup = make_ppo_setup()
    trainer = setup.create_trainer(value_model=None)
    head = value_head_of(trainer)
    if head.state_dict().keys() == trained.v_head.state_dict().keys():
        assert not same_weights(head, trained.v_head)
    assert all(parameter.requires_grad for parameter in head.parameters())
