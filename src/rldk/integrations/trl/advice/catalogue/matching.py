"""How an error's text is read: as people paste it, with the quotes, prefixes and line breaks of any terminal."""

from __future__ import annotations

import re
from functools import cache, lru_cache

from packaging.version import Version

# Colours, also where the escape character was lost on the way.
_COLOUR = re.compile(r"(?:\x1b|\\x1b|\\u001b|\\033|␛)\[[0-?]*[ -/]*[@-~]|\[\d{1,2}(?:;\d{1,2})*m")
# How torchrun, MPI, torch, other launchers and our fixture `ppo_processes` name the rank before a line.
_RANK = (
    r"\[(?:rank|default)?(?P<rank>\d+)(?:,\d+)?\](?:<std\w+>)?:[ \t]?(?=.)|\[rank (?P<of_ours>\d+)\][ \t]?"
    r"|rank ?(?P<bare>\d+):[ \t]?"
)
RANK = re.compile(_RANK)
# That, and what pytest, rich and quoting put before a line, and rich after it.
_PREFIX = re.compile(rf"^\s*(?:{_RANK}|(?:E(?=\s{{3}}))|[|│>]\s?)+", re.MULTILINE)
_SUFFIX = re.compile(r"\s*│\s*$", re.MULTILINE)
_QUOTES = re.compile('\\\\?["`\u00b4\u2018-\u201f]')  # with the backslash that a saved notebook puts before it
_QUOTE = "(?:'+|\\b)"

_NAME = r"(?<![A-Za-z0-9])"
_PPO = re.compile(rf"PPO|{_NAME}ppo|WithValueHead|PolicyAndValueWrapper|PreTrainedModelWrapper")
_TRL = re.compile(_NAME + r"trl(?![a-z0-9])", re.IGNORECASE)
_OTHER_TRAINER = re.compile(
    _NAME + r"(?:\w*dpo|grpo|sft|rloo|reward|kto|orpo|cpo|bco|gkd|prm|nash_?md|xpo|async_?grpo)_?(?:trainer|config)",
    re.IGNORECASE,
)
_RELEASE = re.compile(
    _NAME
    + r"trl'?(?: version)?(?: ?==| ?=|:| -|-|@| \(| is)? ?v?(\d{1,2}\.\d+(?:\.\d+)?(?:\.?(?:rc|dev)\d*)?)(?!\.?\d)",
    re.IGNORECASE,
)


@lru_cache(maxsize=4)
def as_read(text: str) -> str:
    """Return the text as `pattern` expects it: one line, one kind of quote, no colours, no prefixes."""
    plain = without_colours(text)
    plain = _SUFFIX.sub("", _PREFIX.sub("", plain))
    return re.sub(r"\s+", " ", _QUOTES.sub("'", plain))


def without_colours(text: str) -> str:
    """Return the text without colours, and each state of a progress bar on a line of its own."""
    return _COLOUR.sub("", text).replace("\r", "\n")


@cache
def pattern(message: str) -> re.Pattern[str]:
    """Return the expression of a catalogue entry for texts that `as_read` returned.

    A quote or a space may be missing, and "object" of "object has no attribute".
    """
    loose = re.sub(r"\\?[\"'`]", "\0", message).replace("\0 object has no attribute \0", "\1").replace(" ", " ?")
    loose = loose.replace("\1", "\0? ?(?:object ?)?has no attribute:? ?\0")
    return re.compile(loose.replace("\0", _QUOTE), re.IGNORECASE)


def is_ours(text: str) -> bool:
    """Whether a text that `as_read` returned names PPO, or TRL and no other trainer of TRL."""
    return _PPO.search(text) is not None or (_TRL.search(text) is not None and _OTHER_TRAINER.search(text) is None)


def reported_release(text: str) -> Version | None:
    """Return the TRL release that a text names; None if it names none, or several."""
    found = {Version(number) for number in _RELEASE.findall(as_read(text))}
    return found.pop() if len(found) == 1 else None
