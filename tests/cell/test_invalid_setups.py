"""Setups that TRL itself dies of: `validate_ppo_setup` and `create_ppo_trainer` say so in one line before it does."""

from __future__ import annotations

import re

import pytest
from raw_program import RawTRL, traceback_of
from tiny_models import ARCHITECTURES

from rldk.integrations.trl import create_ppo_trainer, run_ppo, validate_ppo_setup

pytestmark = pytest.mark.trl_ppo

POSITIONS = 128  # of the tiny GPT-2


@pytest.fixture(scope="module")
def shared_raw(version, tiny_gpt2, tmp_path_factory) -> RawTRL:
    return RawTRL(version, tiny_gpt2, tmp_path_factory.mktemp("raw"))


@pytest.fixture
def raw(shared_raw, make_ppo_setup) -> RawTRL:
    return shared_raw


def rows_of(ids):
    from torch.utils.data import Dataset

    class Rows(Dataset):
        def __len__(self):
            return len(ids)

        def __getitem__(self, number):
            return ids[number]

    return Rows()


def table(**columns):
    from datasets import Dataset

    return Dataset.from_dict(columns)


def policy(raw: RawTRL):
    return raw.wrapper() if raw.is_step else raw.policy()


def encoder_wrapper_around_a_decoder(raw: RawTRL):
    import trl

    return trl.AutoModelForSeq2SeqLMWithValueHead.from_pretrained(raw.policy())


def without_loading(raw: RawTRL):
    return policy(raw).to("meta")


# Case -> its parts, and what is said of it.
BAD = {
    "rows (1, L)": (
        lambda raw: {"train_dataset": table(input_ids=[[[1, 2]]] * 2)},
        r"has the shape \(1, 2\) in row 0",
    ),
    "tensors (1, L)": (
        lambda raw: {"train_dataset": rows_of([raw.tokenizer("the cat", return_tensors="pt")] * 2)},
        r"has the shape \(1, \d+\) in row 0",
    ),
    "a BatchEncoding": (
        lambda raw: {"train_dataset": raw.tokenizer(["the cat"] * 2)},
        r"a BatchEncoding, .* Dataset\.from_dict\(dict\(train_dataset\)\)",
    ),
    "a row of None": (lambda raw: {"train_dataset": table(input_ids=[[1, 2], None])}, "has no tokens in row 1"),
    "floats": (lambda raw: {"train_dataset": table(input_ids=[[1.0, 2.0]] * 2)}, "has float in row 0, not token ids"),
    "ids beyond": (lambda raw: {"train_dataset": table(input_ids=[[1, 2], [1, 9999]])}, "has the token id 9999, but"),
    "ids below 0": (lambda raw: {"train_dataset": table(input_ids=[[1, -100]] * 2)}, "has the token id -100, but"),
    "a long prompt": (
        lambda raw: {"train_dataset": table(input_ids=[[1] * POSITIONS, [1] * (POSITIONS + 1)])},
        rf"the longest prompt has {POSITIONS + 1} tokens.*can use only {POSITIONS} positions",
    ),
    "a policy without weights": (lambda raw: {"model": without_loading(raw)}, "weights on the meta device"),
}
BAD_TRAIN = {
    "tuples": (lambda raw: {"train_dataset": rows_of([([1, 2],)] * 2)}, "contains tuple instead of dicts"),
    "no dataset": (lambda raw: {"train_dataset": None}, "train_dataset is None, and TRL .* needs one"),
    "a long prompt and response": (
        lambda raw: {"train_dataset": table(input_ids=[[1] * (POSITIONS - 2)] * 2)},
        rf"the longest prompt has {POSITIONS - 2} tokens and response_length is 3, .* {POSITIONS} positions",
    ),
}
# `create_ppo_trainer` drops these columns.
BAD_COLUMNS = {
    "different lengths": [[1], [1, 2]],
    "None": [None, None],
    "dicts": [{"a": 1}] * 2,
}
BAD_STEP = {
    "an encoder's wrapper": (
        lambda raw: {"model": encoder_wrapper_around_a_decoder(raw)},
        "an AutoModelForSeq2SeqLMWithValueHead, but the GPT2LMHeadModel in it does not have an encoder",
    ),
    "a frozen policy": (lambda raw: {"model": raw.wrapper().requires_grad_(False)}, "has nothing to optimize"),
}


def parts_of(raw: RawTRL, changes):
    if not raw.is_step:
        return raw.train_parts(**changes)
    made = {"reward_model": None, "value_model": None, "train_dataset": None, **raw.step_parts(**changes)}
    return made if made["train_dataset"] is not None else {**made, "train_dataset": raw.prompts()}


def dies_with_trl_alone(raw: RawTRL, parts) -> bool:
    def program(raw: RawTRL) -> None:
        import torch

        if not raw.is_step:
            raw.train(**parts)
            return
        given = {name: parts[name] for name in ("config", "model", "ref_model", "tokenizer", "train_dataset")}
        trainer = raw.step_trainer(**given, data_collator=lambda rows: [torch.as_tensor(r["input_ids"]) for r in rows])
        queries = list(next(iter(trainer.dataloader)))
        if not trainer.is_encoder_decoder:
            responses = [trainer.generate(query, max_new_tokens=3, min_new_tokens=3)[0][-3:] for query in queries]
        else:
            responses = [torch.tensor([1, 2, 3])] * 2
        trainer.step(queries, responses, [torch.tensor(1.0)] * 2)

    with raw.workarounds():
        return traceback_of(program, raw) != ""


def found(parts) -> str:
    report = validate_ppo_setup(**parts)
    assert report["valid"] is False
    return "; ".join(report["issues"])


def refused_by_both(raw: RawTRL, make, message: str) -> None:
    assert dies_with_trl_alone(raw, parts_of(raw, make(raw)))
    parts = parts_of(raw, make(raw))
    with pytest.raises((ValueError, TypeError), match=message) as caught:
        create_ppo_trainer(
            None,
            parts["config"],
            parts["train_dataset"],
            model=parts["model"],
            tokenizer=parts["tokenizer"],
            reward_model=len,
        )
    assert "\n" not in str(caught.value)
    assert re.search(message, found(parts_of(raw, make(raw))))


@pytest.mark.parametrize("case", BAD)
def test_it_is_found_before_trl_dies(raw, case):
    refused_by_both(raw, *BAD[case])


@pytest.mark.trl_ppo("train")
@pytest.mark.parametrize("case", BAD_TRAIN)
def test_it_is_found_before_the_train_api_dies(raw, case):
    refused_by_both(raw, *BAD_TRAIN[case])


@pytest.mark.trl_ppo("step")
@pytest.mark.parametrize("case", BAD_STEP)
def test_it_is_found_before_the_step_api_dies(raw, case):
    refused_by_both(raw, *BAD_STEP[case])


@pytest.mark.trl_ppo("train")
@pytest.mark.parametrize("column", BAD_COLUMNS)
def test_a_column_that_cannot_be_a_tensor_is_found(raw, column):
    prompts = table(input_ids=[[1, 2]] * 2, extra=BAD_COLUMNS[column])
    assert dies_with_trl_alone(raw, raw.train_parts(train_dataset=prompts))
    assert "columns (extra) with None, dicts or lists of different lengths" in found(
        raw.train_parts(train_dataset=prompts)
    )


@pytest.mark.trl_ppo("train")
def test_what_runs_but_not_as_intended_is_a_warning(raw):
    scorer = raw.classifier()
    frozen = raw.policy().requires_grad_(False)
    report = validate_ppo_setup(**raw.train_parts(model=frozen, reward_model=scorer, value_model=scorer))
    assert report["valid"]
    assert [line.partition(",")[0] for line in report["warnings"]] == [
        "value_model and reward_model are the same object",
        "no weight of model requires a gradient",
    ]


def test_a_policy_on_several_devices_is_a_warning(raw):
    model = policy(raw)
    model.hf_device_map = {"transformer": 0, "lm_head": 1}
    report = validate_ppo_setup(**parts_of(raw, {"model": model}))
    assert report["valid"]
    assert "spread over the devices 0, 1" in "; ".join(report["warnings"])


@pytest.mark.trl_ppo("train")
def test_weights_on_a_disk_are_found(raw, tmp_path):
    """TRL cannot move them, and of a policy it never trains them."""
    from transformers import AutoModelForCausalLM

    names = ("wte", "wpe", "drop", "h.0", "h.1", "ln_f")
    devices = {"lm_head": "cpu", **{f"transformer.{name}": "cpu" for name in names}, "transformer.h.1": "disk"}

    def offloaded():
        return AutoModelForCausalLM.from_pretrained(raw.model_name, device_map=devices, offload_folder=tmp_path)

    assert dies_with_trl_alone(raw, raw.train_parts(ref_model=offloaded()))
    for part in ("model", "ref_model"):
        assert f"{part} (GPT2LMHeadModel) has 12 of 28 weights on the meta device" in found(
            raw.train_parts(**{part: offloaded()})
        )


@pytest.mark.trl_ppo("train")
@pytest.mark.trl_requires("peft")
def test_a_peft_scorer_of_a_llama_gets_its_pad_token(raw, make_ppo_setup):
    """`getattr(peft_model, "model")` is the whole classifier, which asks for a pad token."""
    from peft import LoraConfig, get_peft_model
    from transformers import LlamaConfig, LlamaForSequenceClassification

    def scorer():
        config = LlamaConfig(
            vocab_size=len(raw.tokenizer), num_labels=1, pad_token_id=None, **ARCHITECTURES["Llama"][2]
        )
        lora = LoraConfig(r=2, target_modules=["q_proj"], task_type="SEQ_CLS")
        return get_peft_model(LlamaForSequenceClassification(config), lora)

    for part in ("reward_model", "value_model"):
        assert dies_with_trl_alone(raw, raw.train_parts(**{part: scorer()}))
        assert f"{part} (PeftModelForSequenceClassification) has no pad token" in found(
            raw.train_parts(**{part: scorer()})
        )
    parts = raw.train_parts(reward_model=scorer(), value_model=scorer())
    given = {name: parts[name] for name in ("model", "reward_model", "value_model", "tokenizer")}
    assert run_ppo(create_ppo_trainer(None, parts["config"], parts["train_dataset"], **given))
