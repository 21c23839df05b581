"""Build a tiny GPT-2 and its tokenizer from a seed, without network access."""

from __future__ import annotations

import importlib.util
import inspect
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from rldk.integrations.trl.releases.quiet import third_party_warnings
from rldk_trl.plugin.isolation import preserved_random_state, seed_everything

MAX_LENGTH = 128
_EOS = "<|endoftext|>"
_PAD = "<|pad|>"

# Tokens longer than a byte: these words, their prefixes, and these words after a space.
_WORDS = ("the", "ing", "you", "and", "of", "to", "is", "what", "good")
_SPACE = "Ġ"  # as byte-level tokenizers write it

# Files that some release of transformers saves. A folder with other files is not replaced.
_KNOWN_FILES = frozenset(
    {
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "pytorch_model.bin",
        "special_tokens_map.json",
        "tokenizer.json",
        "tokenizer_config.json",
    }
)


def build_tiny_gpt2(folder: Path, seed: int = 0) -> Path:
    """Build a GPT-2 of about 40,000 weights and a byte-level tokenizer, and save both to ``folder``.

    2 layers, 2 heads, 32 dimensions, 128 positions, no dropout; about 290 tokens, with distinct end-of-text
    and padding tokens, padding on the left. The same seed gives the same bytes on the same release of
    transformers. The caller's random state is unchanged. The folder is written whole or not at all.

    Args:
        folder: the folder to write. It is created, or replaced if it already holds such a model.
        seed: seed of the weights.

    Returns:
        ``folder``.

    Raises:
        ImportError: transformers, tokenizers or torch is missing.
        FileExistsError: ``folder`` exists and holds something else.
    """
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or {file.name for file in folder.iterdir()} - _KNOWN_FILES):
        raise FileExistsError(f"build_tiny_gpt2: {folder} exists and is not a tiny GPT-2; name a new folder")
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        fresh = scratch / "new"
        with third_party_warnings(), preserved_random_state():
            _save(fresh, seed)
        if folder.exists():
            os.replace(folder, scratch / "old")
        os.replace(fresh, folder)
    finally:
        shutil.rmtree(scratch)
    return folder


def _save(folder: Path, seed: int) -> None:
    from transformers import GPT2Config, GPT2LMHeadModel

    tokenizer = _tokenizer()
    config = GPT2Config(
        vocab_size=len(tokenizer),
        n_positions=MAX_LENGTH,
        n_embd=32,
        n_layer=2,
        n_head=2,
        # Dropout would make the policy's log probabilities differ between rollout and first update.
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        summary_first_dropout=0.0,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    seed_everything(seed)
    model = GPT2LMHeadModel(config)
    options = {}
    # transformers before 4.35 writes a pickle by default; 5.0 removed the option.
    if (
        importlib.util.find_spec("safetensors")
        and "safe_serialization" in inspect.signature(model.save_pretrained).parameters
    ):
        options["safe_serialization"] = True
    model.save_pretrained(folder, **options)
    tokenizer.save_pretrained(folder)


def _tokenizer() -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())  # its order is not fixed
    merges = [(word[:end], word[end]) for word in _WORDS for end in range(1, len(word))]
    merges += [(_SPACE, word) for word in _WORDS]
    tokens = [*alphabet, *("".join(merge) for merge in merges)]
    vocabulary = {token: index for index, token in enumerate(tokens)}
    core = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    core.add_special_tokens([_EOS, _PAD])
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        bos_token=_EOS,
        eos_token=_EOS,
        pad_token=_PAD,
        padding_side="left",
        model_max_length=MAX_LENGTH,
        model_input_names=["input_ids", "attention_mask"],
        clean_up_tokenization_spaces=False,
    )
