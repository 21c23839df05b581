"""Tiny random models with dropout, which the tiny GPT-2 of the fixtures does not have."""

from __future__ import annotations

from pathlib import Path

from tiny_models import HEADS, HIDDEN, LAYERS, POSITIONS, save

# GPT-2 has dropout in modules of its own; OPT and BART apply it inside a layer, and BART in its decoder too.
WITH_DROPOUT = {
    "GPT-2": (
        "GPT2Config",
        "GPT2LMHeadModel",
        {"n_embd": HIDDEN, "n_layer": LAYERS, "n_head": HEADS, "n_positions": POSITIONS}
        | {"resid_pdrop": 0.5, "embd_pdrop": 0.5, "attn_pdrop": 0.5},
    ),
    "OPT": (
        "OPTConfig",
        "OPTForCausalLM",
        {"hidden_size": HIDDEN, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS, "ffn_dim": 64}
        | {"word_embed_proj_dim": HIDDEN, "dropout": 0.5, "attention_dropout": 0.5}
        | {"max_position_embeddings": POSITIONS},
    ),
    "BART": (
        "BartConfig",
        "BartForCausalLM",
        {"d_model": HIDDEN, "decoder_layers": LAYERS, "decoder_attention_heads": HEADS, "decoder_ffn_dim": 64}
        # transformers 5 makes the decoder's cache for as many layers as the encoder has.
        | {"encoder_layers": LAYERS, "encoder_attention_heads": HEADS, "encoder_ffn_dim": 64}
        | {"dropout": 0.5, "activation_dropout": 0.5, "attention_dropout": 0.5, "is_encoder_decoder": False}
        | {"is_decoder": True, "max_position_embeddings": POSITIONS},
    ),
}


def build_with_dropout(architecture: str, folder: Path, tiny_gpt2: Path) -> str | None:
    """Save such a model with the tiny tokenizer; None where the installed transformers does not have it."""
    import torch
    import transformers

    config_class, model_class, sizes = WITH_DROPOUT[architecture]
    if not hasattr(transformers, model_class):
        return None
    tokenizer = transformers.AutoTokenizer.from_pretrained(tiny_gpt2)
    config = getattr(transformers, config_class)(
        **sizes,
        vocab_size=len(tokenizer),
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    torch.manual_seed(0)
    save(getattr(transformers, model_class)(config), folder)
    tokenizer.save_pretrained(folder)
    return str(folder)
