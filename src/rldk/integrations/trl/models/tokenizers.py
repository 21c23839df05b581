"""Read a tokenizer's special ids once, when it enters the library."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class KnownTokenizer:
    """A tokenizer, or an object in place of one, with its special ids."""

    given: Any
    is_tokenizer: bool
    """Whether it has ``eos_token_id``, as every transformers tokenizer has."""
    eos: Any
    pad: Any
    bos: Any

    @property
    def pads_with_eos(self) -> bool:
        """Whether the pad token is EOS, so that padding looks like an end of text."""
        return self.pad is not None and self.pad == self.eos

    @property
    def padding(self) -> Any:
        """The id that only means padding; None if there is no such id."""
        return None if self.pads_with_eos else self.pad


def classify_tokenizer(tokenizer: Any) -> KnownTokenizer:
    """Classify a tokenizer."""
    return KnownTokenizer(
        given=tokenizer,
        is_tokenizer=hasattr(tokenizer, "eos_token_id"),
        eos=getattr(tokenizer, "eos_token_id", None),
        pad=getattr(tokenizer, "pad_token_id", None),
        bos=getattr(tokenizer, "bos_token_id", None),
    )
