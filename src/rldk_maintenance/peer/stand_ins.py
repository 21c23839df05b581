"""Tiny random models and datasets under the Hub names that TRL's tests use.

transformers and datasets read a folder of that name in the working directory before they ask the Hub, so nothing
needs to be patched.
"""

from __future__ import annotations

import inspect
import json
import re
from pathlib import Path
from typing import Any

_NAMES = re.compile(r"""["'](trl-internal-testing/[\w.-]+|gpt2)["']""")
_MODEL = re.compile(r"(?:tiny-|dummy-)?(?P<family>\w+?)(?:For\w+|LMHeadModel|Model)?(?:-.*)?$")
_PPO_DATASET = "trl-internal-testing/zen"
_POSITIONS = 512
_SIZES: dict[str, int] = {
    "hidden_size": 32, "n_embd": 32, "d_model": 32, "word_embed_proj_dim": 32,
    "num_hidden_layers": 2, "n_layer": 2, "num_layers": 2, "num_decoder_layers": 2,
    "encoder_layers": 2, "decoder_layers": 2,
    "num_attention_heads": 2, "n_head": 2, "num_heads": 2, "encoder_attention_heads": 2, "decoder_attention_heads": 2,
    "num_key_value_heads": 2, "head_dim": 16, "d_kv": 16,
    "intermediate_size": 64, "ffn_dim": 64, "d_ff": 64, "encoder_ffn_dim": 64, "decoder_ffn_dim": 64,
    "max_position_embeddings": _POSITIONS, "n_positions": _POSITIONS,
}  # fmt: skip
# One sentence of TRL's step-API tests must have seven tokens, as with GPT-2's tokenizer.
_SENTENCE = "This morning I went to the "
_CHAT = "{% for message in messages %}{{ message['role'] }}: {{ message['content'] }}\n{% endfor %}"


def make_stand_ins(test_file: Path, folder: Path) -> list[str]:
    """Make a stand-in for each Hub model that a test file names, and for the dataset of the PPO tests.

    Returns:
        The names without a stand-in, because the installed transformers does not have the family.
    """
    tokenizer = _tokenizer()
    missing = []
    for name in sorted(set(_NAMES.findall(test_file.read_text(encoding="utf-8"))) - {_PPO_DATASET}):
        try:
            _save_model(name, folder / name, tokenizer)
        except Exception as error:  # a family of another transformers: its tests fail in each of the three ways
            missing.append(f"{name} ({type(error).__name__})")
    _save_dataset(folder / _PPO_DATASET)
    return missing


def _save_model(name: str, folder: Path, tokenizer: Any) -> None:
    import torch
    import transformers

    model_class = _model_class(name, transformers)
    known = inspect.signature(model_class.config_class).parameters
    sizes = {key: size for key, size in _SIZES.items() if key in known}
    if "ForSequenceClassification" in name:
        sizes["num_labels"] = 1
    ids = {"bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 1, "decoder_start_token_id": 1}
    torch.manual_seed(0)
    config = model_class.config_class(vocab_size=len(tokenizer), **sizes, **ids)
    model_class(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _model_class(name: str, transformers: Any) -> Any:
    match = _MODEL.match(name.rpartition("/")[2])
    assert match is not None  # the pattern matches any name
    family = match["family"]
    family = {"gpt2": "GPT2"}.get(family, family)
    endings = ["ForSequenceClassification"] if "ForSequenceClassification" in name else []
    for ending in [*endings, "LMHeadModel", "ForCausalLM", "ForConditionalGeneration"]:
        found = getattr(transformers, family + ending, None)
        if found is not None and not (family == "Bart" and ending == "ForCausalLM"):
            return found
    raise LookupError(f"{family}: not a model of the installed transformers")


def _tokenizer() -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=400, initial_alphabet=alphabet, special_tokens=["<|endoftext|>", "<|pad|>"], show_progress=False
    )
    core.train_from_iterator([_SENTENCE] * 8, trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core, bos_token="<|endoftext|>", eos_token="<|endoftext|>", pad_token="<|pad|>"
    )
    tokenizer.model_input_names = ["input_ids", "attention_mask"]
    tokenizer.chat_template = _CHAT
    return tokenizer


def _save_dataset(folder: Path) -> None:
    folder.mkdir(parents=True)
    texts = [f"{_SENTENCE}{place}" for place in ("sea", "hill", "town", "lake", "shop", "wood", "farm", "mill")]
    rows: dict[str, list[dict[str, Any]]] = {
        "standard_prompt_only": [{"prompt": text} for text in texts],
        "conversational_language_modeling": [
            {"messages": [{"role": "user", "content": text}, {"role": "assistant", "content": "Good."}]}
            for text in texts
        ],
    }
    head = ["---", "configs:"]
    for config, values in rows.items():
        lines = "".join(f"{json.dumps(row)}\n" for row in values)
        head += [f"- config_name: {config}", "  data_files:"]
        for split in ("train", "test"):
            file = f"{config}-{split}.jsonl"
            (folder / file).write_text(lines, encoding="utf-8")
            head += [f"  - split: {split}", f"    path: {file}"]
    (folder / "README.md").write_text("\n".join([*head, "---", ""]), encoding="utf-8")
