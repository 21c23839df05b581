"""Search the catalogue of failures that PPO users meet."""

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
    """Return every entry of the catalogue, in a fixed order."""
    return (*MODEL_FAILURES, *INPUT_FAILURES, *CODE_FAILURES, *IMPORT_FAILURES)


def failure(failure_id: str) -> Failure:
    """Return the entry with this id.

    Raises:
        KeyError: The catalogue has no such entry.
    """
    return _by_id()[failure_id]


def explain_failure(
    text: str, version: str | Version | None = None, *, packages: Mapping[str, str] | None = None
) -> list[Failure]:
    """Return the known failures in an error's text, those that happen on the release first. Never raises.

    Args:
        text: An error message or a whole traceback, with or without terminal colours. Errors that caused it are found
            too.
        version: The TRL release that raised the error. None for the installed one.
        packages: Distribution -> version, for the packages installed with that release. See `Failure.happens_on`.
    """
    plain = _ANSI.sub("", text if isinstance(text, str) else str(text))
    # Terminals and pytest wrap and prefix lines ("E   "), so patterns are tried on the text and on a single line.
    flat = re.sub(r"\s*\n(?:E?\s+|\s*\|\s*)?", " ", plain)
    shown = [entry for entry in failures() if entry.matches(plain) or entry.matches(flat)]
    return sorted(shown, key=lambda entry: not entry.happens_on(version, packages))


@cache
def _by_id() -> dict[str, Failure]:
    return {entry.id: entry for entry in failures()}
