"""The tiny GPT-2 of the fixtures, for use in your own programs."""

from rldk_trl.plugin.tiny import build_tiny_gpt2

__all__ = ["build_tiny_gpt2"]
