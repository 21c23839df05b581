"""The skips that this plugin makes. ``--trl-strict`` fails these tests, and no others."""

from __future__ import annotations

import pytest


class Skipped(pytest.skip.Exception):  # type: ignore[name-defined,misc]  # made by a decorator
    """A fixture skips the test because TRL or its PPO is missing."""

    # With the module name of pytest's own exception, reports show only the reason.
    __module__ = "builtins"


def made_here(error: BaseException, mark_reason: str | None) -> str | None:
    """Return the reason of a skip that this plugin made, or None for any other error.

    Args:
        error: the error that ended the test.
        mark_reason: the reason of the ``pytest.mark.skip`` that this plugin added to the test, if any.
    """
    if not isinstance(error, pytest.skip.Exception):
        return None
    if isinstance(error, Skipped) or (mark_reason is not None and error.msg == mark_reason):
        return error.msg
    return None
