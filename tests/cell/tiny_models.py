"""Tiny random models of other architectures than GPT-2, with the vocabulary of the tiny tokenizer."""

from __future__ import annotations

import importlib.util
import inspect
from pathlib import Path
from typing import Any

from rldk.integrations.trl import create_ppo_config

HIDDEN, LAYERS, HEADS, POSITIONS = 32, 2, 2, 128

# Architecture -> its classes in transformers, and what its config wants besides a vocabulary.
_SIZES: dict[str, Any] = {
    "hidden_size": HIDDEN,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": HEADS,
    "max_position_embeddings": POSITIONS,
}
_GEMMA = {**_SIZES, "intermediate_size": 64, "num_key_value_heads": 1, "head_dim": 16, "sliding_window": 16}
_IMAGES = {
    "hidden_size": 16,
    "intermediate_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "image_size": 28,
    "patch_size": 14,
}
ARCHITECTURES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "Llama": ("LlamaConfig", "LlamaForCausalLM", {**_SIZES, "intermediate_size": 64, "num_key_value_heads": HEADS}),
    "Qwen2": ("Qwen2Config", "Qwen2ForCausalLM", {**_SIZES, "intermediate_size": 64, "num_key_value_heads": HEADS}),
    "GPT-NeoX": (
        "GPTNeoXConfig",
        "GPTNeoXForCausalLM",
        {**_SIZES, "intermediate_size": 64, "hidden_dropout": 0.0, "attention_dropout": 0.0},
    ),
    "OPT": ("OPTConfig", "OPTForCausalLM", {**_SIZES, "ffn_dim": 64, "word_embed_proj_dim": HIDDEN, "dropout": 0.0}),
    "Qwen3": (
        "Qwen3Config",
        "Qwen3ForCausalLM",
        {**_SIZES, "intermediate_size": 64, "num_key_value_heads": HEADS, "head_dim": 16},
    ),
    "Gemma 3": ("Gemma3TextConfig", "Gemma3ForCausalLM", _GEMMA),
    "Gemma 3 (nested config)": ("Gemma3Config", "Gemma3ForConditionalGeneration", {"vision_config": _IMAGES}),
    "T5": (
        "T5Config",
        "T5ForConditionalGeneration",
        {"d_model": HIDDEN, "d_kv": 16, "d_ff": 64, "num_layers": LAYERS, "num_heads": HEADS, "dropout_rate": 0.0},
    ),
}


def is_known(architecture: str) -> bool:
    """Whether the installed transformers has this architecture."""
    import transformers

    return all(hasattr(transformers, name) for name in ARCHITECTURES[architecture][:2])


def build_tiny_model(architecture: str, folder: Path, tokenizer: Any) -> Path:
    """Save a random model of ``architecture`` and ``tokenizer`` to ``folder``."""
    import torch
    import transformers

    config_class, model_class, sizes = ARCHITECTURES[architecture]
    ids = {
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    text = {"vocab_size": len(tokenizer), **ids}
    if "vision_config" in sizes:
        text = {**ids, "text_config": {**text, **_GEMMA}, "mm_tokens_per_image": 1}
    if architecture == "T5":
        text["decoder_start_token_id"] = tokenizer.pad_token_id
    config = getattr(transformers, config_class)(**text, **sizes)
    torch.manual_seed(0)
    model = getattr(transformers, model_class)(config)
    save(model, folder)
    tokenizer.save_pretrained(folder)
    return folder


def save(model: Any, folder: Path, *, safe: bool = True) -> None:
    """Save as safetensors where that is there and asked for, else as a pickle, whatever the release's default."""
    options = {}
    if "safe_serialization" in inspect.signature(model.save_pretrained).parameters:
        options["safe_serialization"] = safe and importlib.util.find_spec("safetensors") is not None
    model.save_pretrained(folder, **options)


def lower_logits(model: Any, logit: float = -29.0) -> None:
    """Move the logits of a GPT-2 to about ``logit``, where those of ``gpt2`` lie.

    Each hidden state gets a constant part, and each token's row points away from it.
    """
    import torch

    with torch.no_grad():
        model.transformer.wte.weight[:, 0] = logit / 10
        model.transformer.ln_f.weight[0] = 0
        model.transformer.ln_f.bias[0] = 10


def config_of_one_update(output_dir: Path) -> Any:
    """The config of a run of one update on two prompts."""
    return create_ppo_config(
        str(output_dir),
        per_device_train_batch_size=2,
        gradient_accumulation_steps=1,
        num_mini_batches=1,
        total_episodes=2,
        response_length=3,
        num_ppo_epochs=1,
        learning_rate=1e-2,
    )
