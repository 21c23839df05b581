"""What is read of one wheel, on small wheels made here."""

from __future__ import annotations

import pytest
from small_index import FILES, GOOD, wheel

from rldk_maintenance.contract.reading import read_release
from rldk_maintenance.errors import ContractError


def test_what_is_read_of_a_release():
    facts, python = read_release(GOOD)
    assert python == ">=3.9"
    assert facts["ppo"] == "train trl"
    assert facts["exported trl PPOTrainer"] == "trl.trainer.ppo_trainer"
    assert facts["constructor PPOTrainer"] == [
        *("args", "model", "ref_model", "reward_model", "value_model=None", "*", "peft_config=None")
    ]
    config = {name.split()[-1]: value for name, value in facts.items() if name.startswith("config PPOConfig ")}
    assert config == {
        "response_length": "53",
        "kl_coef": "0.05",
        "bf16": "None",
        "kwargs": "dict()",
        "needed": "(required)",
    }
    assert facts["config bases PPOConfig"] == ["transformers.TrainingArguments"]
    assert facts["post_init PPOConfig bf16"] == "not self.fp16"


def test_a_release_without_ppo():
    facts, _ = read_release(wheel({"trl/__init__.py": "from .sft import SFTTrainer\n", "trl/sft.py": ""}))
    assert facts == {"ppo names": [], "module trl": "", "module trl.sft": ""}


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({**FILES, "trl/trainer/ppo_trainer.py": "class PPOTrainer(:\n"}, r"ppo_trainer\.py, line 1: not Python"),
        ({**FILES, "trl/trainer/utils.py": "def f(:\n"}, r"utils\.py, line 1: not Python"),
        ({"other/__init__.py": ""}, "no package `trl`"),
        ({**FILES, "trl/__init__.py": ""}, "not exported"),
    ],
)
def test_what_cannot_be_read_is_an_error(files, said):
    with pytest.raises(ContractError, match=said):
        read_release(wheel(files))


@pytest.mark.parametrize("content", [b"", b"half a wheel", GOOD[:-30]])
def test_no_zip_is_an_error(content):
    with pytest.raises(ContractError, match="not a zip file"):
        read_release(content)


def test_a_damaged_file_in_the_wheel_is_an_error():
    damaged = bytearray(GOOD)
    damaged[GOOD.index(b"class PPOTrainer")] ^= 1  # the zip's own checksum of that file fails
    with pytest.raises(ContractError, match="damaged"):
        read_release(bytes(damaged))
