"""Read from the code of transformers' models how they find the end of a text, and what they need to train."""

from __future__ import annotations

import inspect
import sys
from functools import cache
from typing import Any


@cache
def finds_padding(model_class: Any) -> bool:
    """Whether a classifier scores the last token before the padding, as transformers' decoders do.

    XLNet scores the last token of a row, also if it is padding.
    """
    try:
        return "pad_token_id" in inspect.getsource(model_class.forward)
    except (OSError, TypeError):  # a class from a REPL has no source
        return False


@cache
def needs_token_types(model_class: Any) -> bool:
    """Whether a model does not train without ``token_type_ids``: Gemma 3 with images, in transformers 5.0-5.5."""
    try:
        code = inspect.getsource(sys.modules[model_class.__module__])
    except (OSError, TypeError, KeyError):
        return False
    return "`token_type_ids` is required as a model input when training" in code
