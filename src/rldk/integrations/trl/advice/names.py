"""Names and options of other releases: imports from TRL, and options of PPOConfig, that one release does not have.

``nox -s trl_contract`` makes ``names.json`` from the wheels of all TRL releases.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from packaging.version import Version

from rldk.integrations.trl.advice.catalogue.failure import Failure
from rldk.integrations.trl.advice.catalogue.matching import as_read, pattern
from rldk.integrations.trl.advice.replacements import REPLACEMENTS
from rldk.integrations.trl.config.refusals import taking_releases
from rldk.integrations.trl.config.unread import NEVER_READ
from rldk.integrations.trl.releases.boundaries import FIRST_PPO, PPO_DELETED, PPO_RELEASES, is_in, specifiers_of

NAME_MISSING = "name-of-another-release"
OPTION_MISSING = "option-of-another-release"
_READ = "https://github.com/huggingface/trl/releases"

_IMPORTS = (
    r"cannot import name '(?P<name>\w+)' from (?:partially initialized module )?'(?P<module>trl(?:\.\w+)*)",
    r"No module named '(?P<module>trl(?:\.\w+)+)",
    r"module '(?P<module>trl(?:\.\w+)*)' has no attribute '(?P<name>\w+)",
)
_OPTION = r"(?:PPO(?:v2)?Config\.|(?<![\w.]))__init__\(\) got an unexpected keyword argument '(\w+)"


def missing_names(text: str, version: Version | None) -> list[Failure]:
    """Return what is known about the names that a text could not import from TRL, and that PPO code once could.

    Args:
        text: An error's text.
        version: The release that raised it; None if it is not known.
    """
    asked = {}
    for message in _IMPORTS:
        for found in pattern(message).finditer(as_read(text)):
            parts = found.groupdict()
            asked.update(dict.fromkeys(_asked(as_read(text), parts["module"], parts.get("name"))))
    entries = (_name_entry(module, name, version) for module, name in asked)
    return [entry for entry in entries if entry is not None]


def missing_options(text: str, version: Version | None) -> list[Failure]:
    """Return what is known about the options that a text's PPOConfig did not take. See `missing_names`."""
    entries = []
    # The train API takes an option that it never reads, so its releases say nothing about this error.
    for option in dict.fromkeys(pattern(_OPTION).findall(as_read(text))).keys() - NEVER_READ.keys():
        there = " or ".join(specifiers_of(taking_releases(option)))
        # The last release with PPO is the end of each option, and says nothing about the option.
        elsewhere = _elsewhere(there.removesuffix(f",<={PPO_RELEASES.rpartition('-')[2]}"), version) if there else None
        if elsewhere is None:
            continue
        entries.append(
            Failure(
                id=OPTION_MISSING,
                message=_OPTION,
                releases=elsewhere,
                cause=f"PPOConfig has the option {option} only on TRL {there}",
                advice="create the config with create_ppo_config, which says what to use instead on each release, or "
                f"{_pinned(there)}",
                link=_READ,
                found=True,
            )
        )
    return entries


@cache
def known_names() -> Mapping[str, Any]:
    """Return ``modules``: module -> releases, and ``names``: name -> module -> releases, as PEP 440 specifiers.

    Several spans of releases are joined by ``or``.
    """
    content: dict[str, Any] = json.loads((files(__package__) / "names.json").read_text(encoding="utf-8"))
    return content


def has(version: Version | str, spans: str) -> bool:
    """Whether a release is in one of the spans."""
    return any(is_in(version, span) for span in spans.split(" or "))


def shortest_place(places: Mapping[str, str], version: Version) -> str | None:
    """Return the module with the fewest dots among those that have a name on a release; None if none has it."""
    there = [module for module, spans in places.items() if has(version, spans)]
    return min(there, key=lambda module: (module.count("."), module), default=None)


def _asked(text: str, module: str, name: str | None) -> Iterator[tuple[str, str | None]]:
    """Yield each name that was asked of a module; None for a module that the text does not show a name of."""
    if name is None and (imported := pattern(rf"from {module} import \(? ?(\w+(?:, \w+)*)").search(text)):
        known = [one for one in imported[1].split(", ") if one in known_names()["names"]]
        yield from ((module, one) for one in known)
        if known:
            return
    yield module, name


def _name_entry(module: str, name: str | None, version: Version | None) -> Failure | None:
    places = known_names()["names"].get(name, {})
    there = places.get(module) if name else known_names()["modules"].get(module)
    if there is None and not places:
        return None
    elsewhere = ">=0" if there is None else _elsewhere(there, version)
    if elsewhere is None:
        return None
    what = f"the module {module}" if name is None else f"{name} in {module}"
    cause = f"no TRL release has {what}" if there is None else f"only TRL {there} has {what}"
    return Failure(
        id=NAME_MISSING,
        message="|".join(_IMPORTS),
        releases=elsewhere,
        cause=cause,
        advice=_name_advice(name, {at: spans for at, spans in places.items() if at != module}, there, version),
        link=_READ,
        found=False,
    )


def _name_advice(name: str | None, places: Mapping[str, str], there: str | None, version: Version | None) -> str:
    now = None if version is None else shortest_place(places, version)
    replacement = REPLACEMENTS.get(name or "")
    said = []
    if now is not None:
        said.append(f"import it from {now} on TRL {version}")
    elif replacement is not None and replacement.is_on(version):
        said.append(replacement.advice)
    elif moved := {module: spans for module, spans in places.items() if spans != there}:
        said += [f"import it from {module} on TRL {spans}" for module, spans in _shortest(moved).items()]
    elif name is not None:
        said.append("leave it out, because TRL has nothing in its place")
    elif version is not None and version >= PPO_DELETED:
        said.append("use GRPOTrainer or RLOOTrainer")
    else:
        said.append("give explain the name that you import, and it says where that name is now")
    if there is not None:
        said.append(_pinned(there))
    return ", or ".join(said)


def _shortest(places: Mapping[str, str]) -> dict[str, str]:
    """Return for each span of releases the shortest module to import from, the newest span first."""
    by_span: dict[str, str] = {}
    for module, spans in sorted(places.items(), key=lambda place: (place[0].count("."), place[0])):
        by_span.setdefault(spans, module)
    newest = sorted(by_span, key=lambda spans: Version(spans.rpartition(">=")[2].split(",")[0]), reverse=True)
    return {by_span[spans]: spans for spans in newest[:2]}


def _pinned(spans: str) -> str:
    return f"pip install 'trl{spans.rpartition(' or ')[2]}'"


def _elsewhere(there: str, version: Version | None) -> str | None:
    """Return the releases around ``there`` without it: those that ``version`` is one of, else the newest.

    None if all releases with PPO are in ``there``.
    """
    gaps, before = [], ""
    for span in there.split(" or "):
        first, _, end = span.partition(",")
        if Version(first.removeprefix(">=")) > FIRST_PPO:
            gaps.append(f"{before}{',' if before else ''}{first.replace('>=', '<')}")
        before = end.replace("<=", ">") if end.startswith("<=") else end.replace("<", ">=")
    gaps += [before] if before else []
    around = [gap for gap in gaps if version is not None and is_in(version, gap)]
    return next(reversed([*gaps, *around]), None)
