"""Check the tokenizer of a PPO setup for what will fail with the installed TRL."""

from __future__ import annotations

from collections.abc import Iterator

from rldk.integrations.trl.checks.config import pads
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
