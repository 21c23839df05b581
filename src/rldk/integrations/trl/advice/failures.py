"""The catalogue of failures that PPO users meet, and what one of them means on a release."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from packaging.version import Version

from rldk.integrations.trl.advice.catalogue.code import CODE_FAILURES
from rldk.integrations.trl.advice.catalogue.failure import Failure
from rldk.integrations.trl.advice.catalogue.imports import IMPORT_FAILURES
from rldk.integrations.trl.advice.catalogue.inputs import INPUT_FAILURES
from rldk.integrations.trl.advice.catalogue.models import MODEL_FAILURES

__all__ = ["Failure", "explain_failure", "failure", "failures"]

_ANSI = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")


def failures() -> tuple[Failure, ...]:
    """Every entry of the catalogue, in a fixed order."""
    return (*MODEL_FAILURES, *INPUT_FAILURES, *CODE_FAILURES, *IMPORT_FAILURES)


def failure(failure_id: str) -> Failure:
    """The entry of that id.

    Raises:
        KeyError: there is none.
    """
    return _by_id()[failure_id]


def explain_failure(
    text: str, version: str | Version | None = None, *, packages: Mapping[str, str] | None = None
) -> list[Failure]:
    """The entries that an error's text shows, those that happen on the release first; never raises on odd text.

    Args:
        text: an error's message or a whole traceback, with or without terminal colours; errors that caused it
            count too.
        version: the TRL release it was seen on, None for the installed one.
        packages: distribution -> version, for what is installed beside that release; see `Failure.happens_on`.
    """
    plain = _ANSI.sub("", text if isinstance(text, str) else str(text))
    # Terminals and pytest break and prefix lines ("E   "): patterns see one line as well as the lines as they are.
    flat = re.sub(r"\s*\n(?:E?\s+|\s*\|\s*)?", " ", plain)
    shown = [entry for entry in failures() if entry.matches(plain) or entry.matches(flat)]
    return sorted(shown, key=lambda entry: not entry.happens_on(version, packages))


@cache
def _by_id() -> dict[str, Failure]:
    return {entry.id: entry for entry in failures()}
