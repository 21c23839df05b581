"""The prompts: which forms of data train, and which are refused before TRL fails on them."""

from __future__ import annotations

import importlib

import pytest
from packaging.version import Version
from raw_program import older_python

from rldk.integrations.trl import run_ppo
from rldk.integrations.trl.releases.installed import installed_version

pytestmark = pytest.mark.trl_ppo

PROMPTS = ("the cat", "you are in the house", "this is the story of a good", "what is", "of the sky", "in a house")


def torch():
    return importlib.import_module("torch")


@pytest.fixture
def ids(ppo_setup):
    return [ppo_setup.tokenizer(prompt)["input_ids"] for prompt in PROMPTS]


@pytest.fixture
def generation(ppo_setup):
    from rldk.integrations.trl.releases.generations import installed_generation

    return installed_generation()


def map_style(rows):
    class Rows(torch().utils.data.Dataset):
        def __len__(self):
            return len(rows)

        def __getitem__(self, number):
            return rows[number]

    return Rows()


def first_batch(trainer, tokenizer):
    """The prompts of a batch as the trainer gets them, padding before them left out."""
    batch = next(iter(trainer.dataloader))
    assert set(batch.keys()) <= {"input_ids", "attention_mask"}
    rows = [torch().as_tensor(row).tolist() for row in batch["input_ids"]]
    return [row[next(place for place, token in enumerate(row) if token != tokenizer.pad_token_id) :] for row in rows]


def reads_no_format_of_its_own():
    """datasets below 2.21 asks numpy 2 for arrays without a copy: so the two of TRL 0.9.4's time (lane period)."""
    return installed_version("datasets") < Version("2.21") and installed_version("numpy") >= Version("2")


FORMS = {
    "list of dicts": lambda rows, _: rows,
    "list of dicts with texts": lambda rows, _: [{**row, "query": "text"} for row in rows],
    "map-style dataset": lambda rows, _: map_style(rows),
    "map-style dataset with texts": lambda rows, _: map_style([{**row, "query": "text"} for row in rows]),
    "map-style dataset of tensors": lambda rows, _: map_style(
        [{"input_ids": torch().tensor(row["input_ids"])} for row in rows]
    ),
    "torch format": lambda _, dataset: dataset.with_format("torch"),
    "numpy format": lambda _, dataset: dataset.with_format("numpy"),
    "attention mask": lambda _, dataset: dataset.add_column(
        "attention_mask", [[1] * len(row) for row in dataset["input_ids"]]
    ),
    "texts and numbers": lambda _, dataset: dataset.add_column("query", ["text"] * len(dataset)).add_column(
        "label", [0] * len(dataset)
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_form_of_data_reaches_the_trainer(ppo_setup, ids, form):
    from datasets import Dataset

    data = FORMS[form]([{"input_ids": row} for row in ids], Dataset.from_dict({"input_ids": ids}))
    if form.endswith(" format") and reads_no_format_of_its_own():
        with pytest.raises(ValueError, match="Unable to avoid copy"):
            data[0]
        return
    trainer = ppo_setup.create_trainer(train_dataset=data)
    batch = first_batch(trainer, ppo_setup.tokenizer)
    assert len(batch) == 4
    assert all(row in ids for row in batch)


@pytest.mark.parametrize("masked", [False, True])
def test_prompts_padded_on_the_right_with_texts_beside_them_train(make_ppo_setup, measure, masked):
    """The tokenizer pads on the right, and so are the rows: each prompt is still continued at its own end."""
    from datasets import Dataset

    seen = []
    setup = make_ppo_setup(reward=lambda texts: seen.extend(texts) or [0.0] * len(texts), response_length=4)
    setup.tokenizer.padding_side = "right"
    rows = setup.tokenizer(list(PROMPTS), padding="max_length", max_length=16)
    columns = {"input_ids": rows["input_ids"], "query": list(PROMPTS), "label": [0] * len(PROMPTS)}
    if masked:
        columns["attention_mask"] = rows["attention_mask"]
    setup.create_trainer(train_dataset=Dataset.from_dict(columns))
    passes = []

    def keep(module, args, kwargs):
        if torch().is_grad_enabled() and "attention_mask" in kwargs:
            passes.append(kwargs["attention_mask"].long())

    hook = setup.model.register_forward_pre_hook(keep, with_kwargs=True)
    setup.train()
    hook.remove()
    assert len(seen) == 4
    assert all(any(text.startswith(prompt) for prompt in PROMPTS) for text in seen)
    side = 0 if setup.release.ppo_api == "step" else 1
    for mask in passes:  # once padding is behind, it stays so (train API), or once it begins (step API)
        steps = mask.diff(dim=1)
        assert (steps >= 0).all() if side else (steps <= 0).all()
    assert setup.tokenizer.padding_side == "right", "it is the caller's"
    measure("features", "right padding", "works")
    measure("features", "string columns", "works")


def refused(create, error, message):
    with pytest.raises(error, match=message) as caught:
        create()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_stream_is_refused_before_trl_fails_on_it(ppo_setup, ids, generation, measure):
    from datasets.iterable_dataset import ExamplesIterable, IterableDataset

    stream = IterableDataset(
        ExamplesIterable(lambda: iter([(n, {"input_ids": row}) for n, row in enumerate(ids)]), {})
    )
    refused(
        lambda: ppo_setup.create_trainer(train_dataset=stream),
        ValueError,
        r"train_dataset \(IterableDataset\) is a streaming dataset without a length",
    )
    raw = generation.arguments(
        {
            "config": ppo_setup.config,
            "tokenizer": ppo_setup.tokenizer,
            "model": ppo_setup.model,
            "ref_model": ppo_setup.ref_model,
            "reward_model": ppo_setup.reward_model,
            "value_model": ppo_setup.value_model,
            "train_dataset": stream,
        }
    )
    with (
        older_python(generation.version),
        pytest.raises((TypeError, ValueError), match=r"has no len|expected unspecified shuffle|must be a torch.utils"),
    ):
        generation.trainer(**raw)
    measure("features", "streaming dataset", "refused")


def test_texts_are_refused_by_name(ppo_setup):
    from datasets import Dataset, DatasetDict

    texts = Dataset.from_dict({"query": list(PROMPTS)})
    for data, error, message in (
        (texts, ValueError, r"train_dataset has no column input_ids \(it has query\): tokenize the prompts first"),
        (list(PROMPTS), TypeError, "train_dataset contains str instead of dicts with input_ids: tokenize the prompts"),
        ([{"query": text} for text in PROMPTS], ValueError, r"has no column input_ids \(it has query\): tokenize"),
        (
            DatasetDict(train=texts, test=texts),
            TypeError,
            r"DatasetDict of several splits \(train, test\): pass one of them",
        ),
        (Dataset.from_dict({"input_ids": []}), ValueError, "train_dataset is empty: pass a dataset with prompts"),
    ):
        refused(lambda data=data: ppo_setup.create_trainer(train_dataset=data), error, message)


def test_less_than_a_batch_is_refused_and_never_hangs(ppo_setup):
    few = ppo_setup.train_dataset.select(range(3))
    refused(lambda: ppo_setup.create_trainer(train_dataset=few), ValueError, "3 prompts, fewer than one batch of 4")
    trainer = ppo_setup.create_trainer(train_dataset=few, validate_setup=False)
    refused(lambda: run_ppo(trainer), ValueError, "the dataset has fewer prompts than one batch of 4")


def test_an_epoch_that_ends_within_a_batch_goes_on_with_the_next(ppo_setup):
    ppo_setup.create_trainer(train_dataset=ppo_setup.train_dataset.select(range(5)))
    assert len(ppo_setup.train(steps=2)) == 2


@pytest.mark.trl_ppo("train")
def test_the_data_collator_that_is_passed_collates(make_ppo_setup):
    """TRL 0.9.2-0.12.2 take one and use their own (`DataCollatorWithPadding`)."""
    from transformers import DataCollatorWithPadding

    setup = make_ppo_setup()
    padding, collated = DataCollatorWithPadding(setup.tokenizer), []

    def collate(rows):
        collated.append(len(rows))
        return padding(rows)

    trainer = setup.create_trainer(data_collator=collate)
    run_ppo(trainer)
    assert collated
