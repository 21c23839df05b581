"""Classify a model once, when it enters the library, and pass it on as a `KnownModel`."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class KnownModel:
    """A model, or a function in place of a model, with what the library needs to know about it."""

    given: Any
    """The object itself."""
    kind: Literal["wrapper", "plain", "function", "other"]
    """``"wrapper"``: TRL's value-head wrapper. ``"plain"``: any other model. ``"function"``: a callable without
    parameters that is not a class. ``"other"``: anything else, including None."""
    inner: Any
    """The language model in a wrapper; otherwise the object itself."""
    head: Any
    """The value head of a wrapper; otherwise None."""
    is_peft: bool
    """Whether the inner model is a ``PeftModel``. Does not import PEFT."""
    is_encoder_decoder: bool
    """Whether the inner model reads its prompt with an encoder (T5, BART)."""

    @property
    def is_wrapper(self) -> bool:
        """Whether it is one of TRL's value-head wrappers."""
        return self.kind == "wrapper"

    @property
    def is_function(self) -> bool:
        """Whether it is a function in place of a reward model."""
        return self.kind == "function"

    @property
    def name(self) -> str:
        """The name of its class, for messages."""
        return type(self.given).__name__


def classify(model: Any) -> KnownModel:
    """Classify a model.

    A wrapper is recognized by its parts, a model and a value head. TRL moved its classes and then deleted them, so
    ``isinstance`` would miss copies that a code base kept.
    """
    modules = getattr(model, "__dict__", {}).get("_modules")
    wrapped = isinstance(modules, dict) and "pretrained_model" in modules and "v_head" in modules
    inner = model.pretrained_model if wrapped else model
    if wrapped:
        kind: Literal["wrapper", "plain", "function", "other"] = "wrapper"
    elif inspect.isclass(model):
        kind = "other"
    else:
        kind = "plain" if hasattr(model, "parameters") else "function" if callable(model) else "other"
    return KnownModel(
        given=model,
        kind=kind,
        inner=inner,
        head=model.v_head if wrapped else None,
        is_peft=any(base.__module__.partition(".")[0] == "peft" for base in type(inner).__mro__),
        is_encoder_decoder=is_encoder_decoder(getattr(inner, "config", None)),
    )


def is_encoder_decoder(config: Any) -> bool:
    """Whether a config describes a model that reads its prompt with an encoder."""
    return bool(getattr(config, "is_encoder_decoder", False))
