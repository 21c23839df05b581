"""Strategies for objects that are no part of any PPO setup."""

from __future__ import annotations

from types import ModuleType, SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

from hypothesis import strategies as st


class OddError(Exception):
    """An error whose own text cannot be had."""

    def __str__(self) -> str:
        raise ValueError("no text")


def hostile(methods: frozenset[str], error: type[Exception]) -> Any:
    """An object that answers each of ``methods`` with an error."""

    def refuse(self: Any, *args: Any) -> Any:
        raise error("a line\nand another")

    return type("Hostile\nObject", (), dict.fromkeys(methods, refuse))()


METHODS = [
    "__getattr__",
    "__len__",
    "__bool__",
    "__eq__",
    "__repr__",
    "__iter__",
    "__getitem__",
    "__call__",
    "__str__",
]
ATTRIBUTES = [
    *(
        "parameters",
        "modules",
        "generation_config",
        "base_model_prefix",
        "score",
        "config",
        "is_gradient_checkpointing",
    ),
    *(
        "column_names",
        "eos_token_id",
        "pad_token_id",
        "padding_side",
        "vocab_size",
        "get_input_embeddings",
        "_modules",
    ),
    *("get_output_embeddings", "batch_size", "num_labels", "pretrained_model", "v_head", "__len__"),
]
plain = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.binary(max_size=5),
    st.lists(st.integers() | st.text(max_size=3), max_size=3),
    st.dictionaries(st.text(max_size=5), st.integers(), max_size=3),
)
odd = st.one_of(
    plain,
    st.builds(hostile, st.frozensets(st.sampled_from(METHODS)), st.sampled_from([RuntimeError, OddError, KeyError])),
    st.dictionaries(st.sampled_from(ATTRIBUTES), plain, max_size=8).map(lambda fields: SimpleNamespace(**fields)),
    st.sampled_from([MagicMock, object, ModuleType, print, len, int]),
    st.builds(MagicMock),
    st.builds(lambda rows: [dict(row) for row in rows], st.lists(st.dictionaries(st.text(max_size=3), plain))),
)
