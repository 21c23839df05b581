"""Search the catalogue of failures that PPO users meet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache

from packaging.version import Version

from rldk.integrations.trl.advice.catalogue.code import CODE_FAILURES
from rldk.integrations.trl.advice.catalogue.deepspeed import DEEPSPEED_FAILURES
from rldk.integrations.trl.advice.catalogue.failure import Failure
from rldk.integrations.trl.advice.catalogue.imports import IMPORT_FAILURES
from rldk.integrations.trl.advice.catalogue.inputs import INPUT_FAILURES
from rldk.integrations.trl.advice.catalogue.matching import as_read, is_ours, reported_release
from rldk.integrations.trl.advice.catalogue.models import MODEL_FAILURES
from rldk.integrations.trl.advice.catalogue.processes import PROCESS_FAILURES
from rldk.integrations.trl.advice.catalogue.reported import REPORTED_FAILURES
from rldk.integrations.trl.advice.catalogue.reported_processes import REPORTED_ON_SEVERAL_PROCESSES
from rldk.integrations.trl.advice.catalogue.step_loop import STEP_LOOP_FAILURES
from rldk.integrations.trl.advice.names import missing_names, missing_options
from rldk.integrations.trl.advice.ranks import first_error
from rldk.integrations.trl.releases.boundaries import is_in, release_of
from rldk.integrations.trl.releases.installed import installed_version

__all__ = ["Failure", "explain_failure", "failure", "failures"]

# Entries that say more than the generated ones about the same message.
_OF_IMPORTS = {"imported-from-trl", "experimental-ppo-not-there-yet", "ppo-deleted"}
_OF_ANY_IMPORT = "import-of-trl-failed"
_OF_OPTIONS = {"step-api-options", "train-api-options"}


def failures() -> tuple[Failure, ...]:
    """Return every entry of the catalogue, in a fixed order."""
    return (
        *MODEL_FAILURES,
        *INPUT_FAILURES,
        *CODE_FAILURES,
        *STEP_LOOP_FAILURES,
        *IMPORT_FAILURES,
        *PROCESS_FAILURES,
        *DEEPSPEED_FAILURES,
        *REPORTED_FAILURES,
        *REPORTED_ON_SEVERAL_PROCESSES,
    )


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

    An entry's cause begins with what limits it: that the release is outside the range of the entry, and that the
    failure is only possible, because other programs raise the same message and nothing in the text names PPO or TRL.
    In the output of several processes, the failures of the one that failed first are first, and say its rank.

    Args:
        text: An error message or a whole traceback, as people paste it: with or without the exception's name, quotes,
            colours, and prefixes of ranks. Errors that caused it are found too.
        version: The TRL release that raised the error. None for the one that the text names, or the installed one.
        packages: Distribution -> version, for the packages installed with that release. See `Failure.happens_on`.
    """
    text = text if isinstance(text, str) else str(text)
    reported = reported_release(text) if version is None else release_of(version)
    release = reported or release_of(installed_version("trl"))
    first = first_error(text)
    of_first = [] if first is None else [entry for entry in failures() if entry.matches(first.text)]
    shown = [entry for entry in failures() if entry.matches(text) or entry in of_first]
    shown += _unless_known(_OF_IMPORTS, shown, release, missing_names(text, release))
    shown += _unless_known(_OF_OPTIONS, shown, release, missing_options(text, release))
    if len(shown) > 1:  # it only points to an error that another entry explains
        shown = [entry for entry in shown if entry.id != _OF_ANY_IMPORT]
    shown.sort(key=lambda entry: (entry not in of_first, not entry.happens_on(reported, packages)))
    ours = is_ours(as_read(text))
    known = first is not None and first.rank is not None and not first.follows_another
    where = f"on rank {first.rank}, which failed first: " if first is not None and known else ""
    return [_limited(entry, reported, ours, where if entry in of_first else "") for entry in shown]


def _unless_known(
    ids: set[str], shown: list[Failure], release: Version | None, generated: list[Failure]
) -> list[Failure]:
    known = [entry for entry in shown if entry.id in ids]
    return [] if any(release is None or is_in(release, entry.releases) for entry in known) else generated


def _limited(entry: Failure, reported: Version | None, ours: bool, where: str) -> Failure:
    """Return the entry with its rank and its limits before the cause."""
    limits = [where] if where else []
    if reported is not None and not is_in(reported, entry.releases):
        limits.append(f"not known to happen on TRL {reported}, only on {entry.releases}: ")
    possible = not (ours or entry.only_trl)
    if possible:
        limits.append("possible, if this came from PPO: ")
    return replace(entry, cause="".join(limits) + entry.cause, possible=possible) if limits else entry


@cache
def _by_id() -> dict[str, Failure]:
    return {entry.id: entry for entry in failures()}
