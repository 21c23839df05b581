"""Decide what the markers mean for a test, from the marks and what is installed. Pure functions."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import pytest
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from rldk_trl.plugin.release import Installed
from rldk_trl.plugin.requirements import satisfies, unmet


class BadMarkerError(ValueError):
    """A marker has wrong arguments. The text is one line, without the example."""


@dataclass(frozen=True)
class Xfail:
    """Arguments for ``pytest.mark.xfail``."""

    reason: str
    raises: Any
    strict: bool


@dataclass(frozen=True)
class Decision:
    """What happens to a test: ``bad`` wins over ``skip``, and ``skip`` over ``xfail``."""

    bad: str | None = None
    """The error of the first bad marker, with a correct example."""
    skip: str | None = None
    """Why the test cannot run here: what is needed and what is installed."""
    xfail: Xfail | None = None


# Each marker has a function that takes the marker's arguments, so `bind` reports wrong ones as a TypeError.
_Outcome = str | Xfail | None


def _trl(found: Installed, /, *specifiers: str, reason: str | None = None) -> _Outcome:
    wanted = _specifiers(specifiers)
    _check_reason(reason)
    if found.release is not None and satisfies(found.release.version, wanted):
        return None
    needed = f"TRL {','.join(specifiers)}".rstrip()  # in the test's own order, which a set does not keep
    have = "TRL is not installed" if found.release is None else f"TRL {found.release.version} is installed"
    return _explained(reason, f"needs {needed}; {have}")


def _trl_ppo(found: Installed, /, api: str | None = None) -> _Outcome:
    if api not in (None, "step", "train"):
        raise BadMarkerError(f"{api!r} is not a PPO API: the APIs are 'step' and 'train'")
    have = None if found.release is None else found.release.ppo_api
    if have is not None and api in (None, have):
        return None
    return f"needs a TRL with PPO ({_API_RELEASES[api]}); {found.describe()}"


_API_RELEASES = {
    None: "0.2.0-1.12.0",
    "step": "step API, 0.2.0-0.11.4",
    "train": "train API, 0.12.0-1.12.0",
}


def _trl_requires(found: Installed, /, *requirements: str, reason: str | None = None) -> _Outcome:
    if not requirements:
        raise BadMarkerError("it needs at least one requirement")
    _check_reason(reason)
    missing: list[str] = []
    for text in requirements:
        missing += unmet(_requirement(text))
    return _explained(reason, "; ".join(missing)) if missing else None


def _trl_xfail(
    found: Installed,
    /,
    *specifiers: str,
    reason: str,
    raises: Any = None,
    strict: bool = True,
) -> _Outcome:
    wanted = _specifiers(specifiers)
    if reason is None:
        raise BadMarkerError("a reason is required")
    _check_reason(reason)
    if not _is_raises(raises):
        raise BadMarkerError(f"raises is {raises!r}, which is not an exception class or a tuple of exception classes")
    if not isinstance(strict, bool):
        raise BadMarkerError(f"strict is {strict!r}, which is neither True nor False")
    if found.release is None or not satisfies(found.release.version, wanted):
        return None
    return Xfail(reason, raises, strict)


def _trl_config(found: Installed, /, **options: Any) -> _Outcome:
    for name in ("model_name", "reward"):
        if name in options:
            raise BadMarkerError(f"{name} is not an option of the config: pass it to make_ppo_setup")
    return None


_MARKERS: dict[str, tuple[Callable[..., _Outcome], str]] = {
    "trl": (_trl, '@pytest.mark.trl(">=0.12,<0.26")'),
    "trl_ppo": (_trl_ppo, '@pytest.mark.trl_ppo("train")'),
    "trl_requires": (_trl_requires, '@pytest.mark.trl_requires("transformers>=5", "peft")'),
    "trl_xfail": (_trl_xfail, '@pytest.mark.trl_xfail("<0.23", reason="saving fails, TRL #3998")'),
    "trl_config": (_trl_config, "@pytest.mark.trl_config(learning_rate=1e-5, seed=1)"),
}

HELP = (
    "trl(*specifiers, reason=None): run if the installed TRL satisfies every PEP 440 specifier; "
    "without a specifier, run if TRL is installed.",
    "trl_ppo(api=None): run if the installed TRL has PPO; with 'step' or 'train', run if it has that API.",
    "trl_requires(*requirements, reason=None): run if every PEP 508 requirement is met, "
    "e.g. 'transformers>=5', 'peft'.",
    "trl_xfail(*specifiers, reason, raises=None, strict=True): expect a failure if the installed TRL "
    "satisfies every specifier.",
    "trl_config(**options): ppo_setup and ppo_trainer use these options of create_ppo_config; the closest mark wins.",
)


def decide(marks: Iterable[pytest.Mark], found: Installed) -> Decision:
    """Return what ``marks``, closest to the test first, mean if ``found`` is installed. Other marks are ignored."""
    skips: list[str] = []
    xfail: Xfail | None = None
    bad: str | None = None
    for mark in marks:
        if mark.name not in _MARKERS:
            continue
        meaning, example = _MARKERS[mark.name]
        try:
            outcome = _apply(meaning, mark, found)
        except BadMarkerError as error:
            bad = bad or one_line(f"bad marker {_show(mark)}: {error}; write e.g. {example}")
            continue
        if isinstance(outcome, str):
            skips.append(outcome)
        elif outcome is not None:
            xfail = xfail or outcome
    if bad is not None:
        return Decision(bad=bad)
    if skips:
        return Decision(skip=one_line("; ".join(dict.fromkeys(skips))))
    return Decision(xfail=xfail)


def config_options(marks: Iterable[pytest.Mark]) -> dict[str, Any]:
    """Return the options of all ``trl_config`` marks, closest to the test first. The closest mark wins."""
    options: dict[str, Any] = {}
    for mark in marks:
        if mark.name == "trl_config":
            options = {**mark.kwargs, **options}
    return options


def one_line(text: str) -> str:
    """Return ``text`` with every run of whitespace replaced by one space."""
    return " ".join(text.split())


def _apply(meaning: Callable[..., _Outcome], mark: pytest.Mark, found: Installed) -> _Outcome:
    try:
        inspect.signature(meaning).bind(found, *mark.args, **mark.kwargs)
    except TypeError as error:
        raise BadMarkerError(str(error)) from None
    return meaning(found, *mark.args, **mark.kwargs)


def _show(mark: pytest.Mark) -> str:
    arguments = [repr(argument) for argument in mark.args]
    arguments += [f"{name}={value!r}" for name, value in mark.kwargs.items()]
    return f"{mark.name}({', '.join(arguments)})"


def _specifiers(texts: Iterable[str]) -> SpecifierSet:
    wanted = SpecifierSet()
    for text in texts:
        if not isinstance(text, str):
            raise BadMarkerError(f"{text!r} is not a string but {type(text).__name__}")
        try:
            clauses = SpecifierSet(text)
        except InvalidSpecifier:
            raise BadMarkerError(f"{text!r} is not a PEP 440 specifier") from None
        if not len(clauses):
            raise BadMarkerError(f"{text!r} names no version")
        wanted &= clauses
    return wanted


def _requirement(text: str) -> Requirement:
    if not isinstance(text, str):
        raise BadMarkerError(f"{text!r} is not a string but {type(text).__name__}")
    try:
        requirement = Requirement(text)
    except InvalidRequirement as error:
        # The parser's other lines point into the text with a caret.
        raise BadMarkerError(f"{text!r} is not a PEP 508 requirement ({str(error).splitlines()[0]})") from None
    if requirement.url is not None:
        raise BadMarkerError(f"{text!r} has a URL, which cannot be checked against what is installed")
    return requirement


def _check_reason(reason: str | None) -> None:
    if reason is not None and (not isinstance(reason, str) or not reason.strip()):
        raise BadMarkerError(f"reason is {reason!r}, which is empty or not a string")


def _is_raises(raises: Any) -> bool:
    if isinstance(raises, tuple):
        return bool(raises) and all(_is_exception(one) for one in raises)
    # pytest 8.4 and later also accept pytest.RaisesExc and pytest.RaisesGroup.
    return raises is None or _is_exception(raises) or callable(getattr(raises, "matches", None))


def _is_exception(candidate: Any) -> bool:
    return isinstance(candidate, type) and issubclass(candidate, BaseException)


def _explained(reason: str | None, detail: str) -> str:
    return detail if reason is None else f"{reason} ({detail})"
