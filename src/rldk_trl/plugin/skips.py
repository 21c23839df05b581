"""Skips that this plugin makes, told apart from all others for ``--trl-strict``."""

from __future__ import annotations

import pytest


class Skipped(pytest.skip.Exception):  # type: ignore[name-defined,misc]  # made by a decorator
    """A fixture's skip because TRL, or its PPO, is not there."""

    # Named as pytest's own: its reports then show the reason alone.
    __module__ = "builtins"


def made_here(error: BaseException, mark_reason: str | None) -> str | None:
    """The reason of a skip that this plugin made, or None for any other error.

    Args:
        error: what ended the test.
        mark_reason: the reason of the ``pytest.mark.skip`` that this plugin gave the test, if it did.
    """
    if not isinstance(error, pytest.skip.Exception):
        return None
    if isinstance(error, Skipped) or (mark_reason is not None and error.msg == mark_reason):
        return error.msg
    return None
