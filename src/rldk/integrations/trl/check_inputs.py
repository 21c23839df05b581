"""What the installed TRL will read from the tokenizer, config and prompts of a PPO setup."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

from rldk.integrations.trl.checked_setup import CheckedSetup, Finding


def check_tokenizer(setup: CheckedSetup) -> Iterator[Finding]:
    """The tokenizer has an EOS and a pad token of its own and pads where prompts begin."""
    tokenizer = setup.tokenizer
    if not hasattr(tokenizer, "eos_token_id"):
        yield "issue", f"tokenizer must be a transformers tokenizer, got {type(tokenizer).__name__}"
        return
    pad = getattr(tokenizer, "pad_token_id", None)
    if pad is None:
        yield "issue", "tokenizer has no pad token: set tokenizer.pad_token to a token that is not EOS"
    elif pad == tokenizer.eos_token_id:
        yield (
            "warning",
            "the pad token is EOS, so real ends of text are masked as padding (huggingface/trl#5303): "
            "give the tokenizer a pad token of its own",
        )
    if setup.is_train and getattr(tokenizer, "padding_side", "left") != "left":
        yield "warning", "tokenizer pads on the right, and prompts are continued at their end: set padding_side='left'"


def check_config(setup: CheckedSetup) -> Iterator[Finding]:
    """The config is the installed release's own class, and its batches are right for this padding."""
    if setup.config is not None and not isinstance(setup.config, setup.generation.config):
        yield (
            "issue",
            f"config must be PPOConfig of {setup.generation.module}, got {type(setup.config).__name__}: "
            f"make it with create_ppo_config",
        )
        return
    # Before 0.3.0 the forward pass had no attention mask, and a config no mini_batch_size.
    batch = getattr(setup.config, "forward_batch_size", None)
    if not setup.is_train and not hasattr(setup.config, "mini_batch_size") and batch not in (None, 1):
        yield (
            "warning",
            f"forward_batch_size is {batch}, and {setup.trl} pads a batch without a mask: set it to 1",
        )


def check_train_dataset(setup: CheckedSetup) -> Iterator[Finding]:
    """The prompts are tokenized and fill at least one batch."""
    dataset = setup.train_dataset
    if dataset is None:
        return
    columns = getattr(dataset, "column_names", None)
    if isinstance(columns, list) and "input_ids" not in columns:
        had = ", ".join(map(str, columns))
        yield "issue", f"train_dataset has no column input_ids (it has {had}): tokenize the prompts first"
        return
    if not hasattr(dataset, "__len__"):
        return
    if len(dataset) == 0:
        yield "issue", "train_dataset is empty: give it prompts"
        return
    if setup.is_train and isinstance(columns, list):
        texts = [column for column in columns if isinstance(dataset[0][column], str)]
        if texts:
            yield (
                "issue",
                f"train_dataset has string columns ({', '.join(texts)}), which TRL's collator cannot make tensors of "
                f"(huggingface/trl#2340): keep input_ids only",
            )
    batch = _batch_size(setup)
    if batch is not None and len(dataset) < batch:
        # The train API drops the incomplete batch and asks for the next one for ever.
        yield (
            "issue",
            f"train_dataset has {len(dataset)} prompts, less than one batch of {batch}: training would never start",
        )


def _batch_size(setup: CheckedSetup) -> int | None:
    config = setup.config
    if not isinstance(config, setup.generation.config):
        return None
    if not setup.is_train:
        return int(config.batch_size)
    size = int(config.per_device_train_batch_size * config.gradient_accumulation_steps)
    # Until 0.17.0 the local batch had num_mini_batches in it (huggingface/trl#2531).
    if "gradient_accumulation_steps * args.num_mini_batches" in inspect.getsource(setup.generation.trainer):
        size *= int(config.num_mini_batches)
    return size
