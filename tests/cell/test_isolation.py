"""One test's training leaves nothing behind for the next, and the tiny model is what it says it is."""

from __future__ import annotations

import hashlib
import os
import random
from pathlib import Path

import pytest


def random_state():
    import numpy as np
    import torch

    return random.getstate(), str(np.random.get_state()), torch.get_rng_state().tolist()


@pytest.fixture(scope="module")
def before():
    """The process's random state, an accelerator of the caller's own, and accelerate's variables, before PPO."""
    from accelerate import Accelerator

    return random_state(), Accelerator(cpu=True), {name for name in os.environ if name.startswith("ACCELERATE_")}


@pytest.mark.trl_ppo
class TestInOrder:
    def test_a_train(self, before, ppo_setup):
        assert ppo_setup.train()

    def test_b_the_random_state_is_what_it_was(self, before):
        assert random_state() == before[0]

    def test_c_the_callers_accelerator_still_works(self, before):
        accelerator = before[1]
        assert accelerator.device.type == "cpu"
        assert accelerator.num_processes == 1
        # Not AcceleratorState(): accelerate 0.17.0 fails in it after Accelerator(cpu=True), whatever we do.
        assert accelerator.state.device.type == "cpu"

    def test_d_no_variable_of_accelerate_is_left(self, before):
        assert {name for name in os.environ if name.startswith("ACCELERATE_")} == before[2]


@pytest.mark.trl_ppo
def test_each_test_gets_fresh_models_of_the_same_weights(make_ppo_setup):
    import torch

    first = make_ppo_setup(learning_rate=1e-2)
    untrained = {name: tensor.clone() for name, tensor in first.model.state_dict().items()}
    first.train()
    second = make_ppo_setup()
    assert all(torch.equal(tensor, second.model.state_dict()[name]) for name, tensor in untrained.items())
    assert first.output_dir != second.output_dir


@pytest.mark.trl_ppo
def test_another_model_and_another_seed(make_ppo_setup, tmp_path):
    import torch

    from rldk_trl.tiny import build_tiny_gpt2

    other = build_tiny_gpt2(tmp_path / "other", seed=5)
    mine, theirs = make_ppo_setup(), make_ppo_setup(model_name=other)
    name = next(name for name in mine.model.state_dict() if name.endswith("wte.weight"))
    assert not torch.equal(mine.model.state_dict()[name], theirs.model.state_dict()[name])
    assert theirs.train()


def digests(folder: Path) -> dict[str, str]:
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(folder.iterdir())}


def test_only_the_weights_depend_on_the_seed(tiny_gpt2, tmp_path):
    from rldk_trl.tiny import build_tiny_gpt2

    other = digests(build_tiny_gpt2(tmp_path / "other", seed=1))
    mine = digests(tiny_gpt2)
    changed = {name for name in mine if mine[name] != other[name]}
    assert changed
    assert changed <= {"model.safetensors", "pytorch_model.bin"}
    assert os.listdir(tmp_path) == ["other"]


def test_the_tokenizer_is_byte_level_with_its_own_eos_and_pad(tiny_gpt2):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_gpt2)
    text = "Hé the good thing, and\n you: 日本 🎉"
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text
    assert len({tokenizer.eos_token_id, tokenizer.pad_token_id}) == 2
    assert tokenizer.padding_side == "left"
    model = AutoModelForCausalLM.from_pretrained(tiny_gpt2)
    assert model.config.n_layer == 2
    assert model.get_input_embeddings().weight.shape[0] == model.config.vocab_size == len(tokenizer)
    for name in ("bos_token_id", "eos_token_id", "pad_token_id"):
        assert getattr(model.config, name) == getattr(tokenizer, name)


def test_a_folder_with_something_else_in_it_is_not_replaced(tiny_gpt2, tmp_path):
    from rldk_trl.tiny import build_tiny_gpt2

    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="exists and is not a tiny GPT-2; name a new folder"):
        build_tiny_gpt2(tmp_path)
    assert (tmp_path / "mine.txt").read_text() == "mine"
