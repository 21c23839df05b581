"""Check the tokenizer and the prompts of a PPO setup for what will fail with the installed TRL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rldk.integrations.trl.checks.config import batch_size, pads
from rldk.integrations.trl.checks.setup import CheckedSetup, Finding, vocabulary_size


def check_tokenizer(setup: CheckedSetup) -> Iterator[Finding]:
    """Check that the tokenizer has EOS and a separate pad token, and that it pads on the left."""
    tokenizer, known = setup.tokenizer, setup.known_tokenizer
    if not known.is_tokenizer:
        yield Finding("issue", f"tokenizer must be a transformers tokenizer, got {type(tokenizer).__name__}")
        return
    if known.pad is None and pads(setup):
        yield Finding(
            "issue",
            "tokenizer has no pad token (huggingface/trl#466): set tokenizer.pad_token to a token that is not EOS",
            "tokenizer-without-pad-token",
        )
    elif known.pads_with_eos:
        # The train API masks tokens that equal the pad token; the step API counts lengths.
        so = (
            "ends of text are masked as padding and not learned"
            if setup.is_train
            else "padding in prompts looks like an end of text"
        )
        yield Finding(
            "warning",
            f"the pad token is EOS, so {so} (huggingface/trl#5303): set tokenizer.pad_token to a different token",
        )
    if setup.is_train and getattr(tokenizer, "padding_side", "left") != "left":
        yield Finding(
            "warning",
            "tokenizer pads on the right, between a prompt and its response: set tokenizer.padding_side = 'left'",
        )


def check_pad_token(setup: CheckedSetup) -> Iterator[Finding]:
    """Check that the step API's policy has an embedding for the pad token. The train API does not need one."""
    pad = setup.known_tokenizer.pad
    rows = None if setup.is_train or not pads(setup) else vocabulary_size(setup.policy)
    if isinstance(pad, int) and rows is not None and pad >= rows:
        yield Finding(
            "issue",
            f"the pad token has id {pad}, but model has embeddings for only {rows} tokens, so a padded batch fails: "
            f"call model.resize_token_embeddings(len(tokenizer))",
            "pad-token-without-embedding",
        )


def check_train_dataset(setup: CheckedSetup) -> Iterator[Finding]:
    """Check that the prompts are tokenized and fill at least one batch."""
    dataset = setup.train_dataset
    if dataset is None:
        return
    columns = getattr(dataset, "column_names", None)
    if isinstance(columns, list) and "input_ids" not in columns:
        had = ", ".join(map(str, columns))
        yield Finding(
            "issue",
            f"train_dataset has no column input_ids (it has {had}): tokenize the prompts first",
            "prompts-not-tokenized" if setup.is_train else None,
        )
        return
    if not hasattr(dataset, "__len__"):
        yield Finding(
            "issue",
            f"train_dataset ({type(dataset).__name__}) is a streaming dataset without a length, which {setup.trl} "
            f"needs (huggingface/trl#350): take as many prompts as the run needs, "
            f"Dataset.from_list(list(stream.take(n)))",
            "streaming-dataset",
        )
        return
    if len(dataset) == 0:
        yield Finding("issue", "train_dataset is empty: pass a dataset with prompts")
        return
    if setup.is_train:
        yield from _columns(dataset[0])
    batch = batch_size(setup)
    if batch is not None and len(dataset) < batch:
        # The train API drops the incomplete batch and waits for the next one forever.
        yield Finding(
            "issue",
            f"train_dataset has {len(dataset)} prompts, fewer than one batch of {batch}, so training would never "
            f"start: use more prompts or a smaller batch",
            "dataset-smaller-than-a-batch" if setup.is_train else None,
        )


def _columns(row: Any) -> Iterator[Finding]:
    if not isinstance(row, Mapping):
        return
    if "input_ids" not in row:
        had = ", ".join(map(str, row))
        yield Finding(
            "issue",
            f"train_dataset's first row has no input_ids (it has {had}): tokenize the prompts first",
            "prompts-not-tokenized",
        )
    texts = [str(column) for column, value in row.items() if isinstance(value, str)]
    if texts:
        yield Finding(
            "issue",
            f"train_dataset has string columns ({', '.join(texts)}), which TRL's collator cannot convert to tensors "
            f"(huggingface/trl#2340): keep only input_ids",
            "string-columns",
        )
