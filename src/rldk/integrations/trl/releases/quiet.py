"""Keep other libraries' warnings from becoming errors of ours."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def third_party_warnings() -> Iterator[None]:
    """Within the context, show warnings instead of raising them under ``-W error``.

    TRL warns about its own PPO on import and construction (FutureWarning in 0.11 and 0.26-0.28, DeprecationWarning in
    0.12, UserWarning in 0.24-0.25), and transformers, torch and datasets warn about each other. The caller cannot fix
    these, so under ``-W error`` they would end every run. They stay visible.
    """
    with warnings.catch_warnings():
        if any(entry[0] == "error" for entry in warnings.filters):
            warnings.simplefilter("default")
        yield
