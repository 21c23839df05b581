"""Read from a model's own code what it needs."""

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


def wants_token_types(model_class: type[Any]) -> bool:
    """Whether a model's own code refuses to train without ``token_type_ids``, as Gemma 3 with images does."""
    try:
        source = inspect.getsource(sys.modules[model_class.__module__])
    except (OSError, TypeError, KeyError):  # a class from a REPL has no source
        return False
    return "`token_type_ids` is required as a model input when training" in source
