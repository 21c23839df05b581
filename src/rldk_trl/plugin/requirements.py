"""Whether a version satisfies PEP 440 specifiers and the environment meets PEP 508 requirements."""

from __future__ import annotations

import importlib.metadata

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.specifiers import Specifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version


def satisfies(version: Version, specifiers: SpecifierSet) -> bool:
    """Whether ``version`` satisfies every clause.

    A development or pre-release build counts as the release that it leads to (0.26.0.dev0 as 0.26.0). Only a clause
    that itself names a pre-release compares as PEP 440 says. Each clause is checked alone, so ``">=1,!=1.0rc1"``
    means the same as ``">=1"`` and ``"!=1.0rc1"``.
    """
    release = _leads_to(version)
    return all(
        # packaging 25 and 26 behave differently if `prereleases` is left out.
        clause.contains(version if _names_prerelease(clause) else release, prereleases=True)
        for clause in specifiers
    )


def _leads_to(version: Version) -> Version:
    if not version.is_prerelease:
        return version
    post = "" if version.post is None or version.pre is not None else f".post{version.post}"
    local = "" if version.local is None else f"+{version.local}"
    return Version(f"{version.base_version}{post}{local}")


def _names_prerelease(clause: Specifier) -> bool:
    try:
        return Version(clause.version.removesuffix(".*")).is_prerelease
    except InvalidVersion:  # `===` accepts any text
        return False


def unmet(requirement: Requirement) -> list[str]:
    """Return what is missing for ``requirement``, e.g. ``["needs peft; peft is not installed"]``; empty if it is met.

    A requirement is met if its environment marker is false here. Extras are followed through the metadata of
    the installed packages.
    """
    return _unmet(requirement, extra="", seen=set())


def _unmet(requirement: Requirement, extra: str, seen: set[tuple[str, str]]) -> list[str]:
    if requirement.marker is not None and not requirement.marker.evaluate({"extra": extra}):
        return []
    needed = requirement.name + (f" {requirement.specifier}" if requirement.specifier else "")
    try:
        distribution = importlib.metadata.distribution(requirement.name)
    except importlib.metadata.PackageNotFoundError:
        return [f"needs {needed}; {requirement.name} is not installed"]
    if requirement.specifier:
        try:
            version = Version(distribution.version)
        except (InvalidVersion, TypeError):
            return [f"needs {needed}; {requirement.name} {distribution.version!r} is installed"]
        if not satisfies(version, requirement.specifier):
            return [f"needs {needed}; {requirement.name} {version} is installed"]
    missing: list[str] = []
    for name in sorted(requirement.extras):
        missing += _unmet_extra(distribution, name, seen)
    return missing


def _unmet_extra(distribution: importlib.metadata.Distribution, extra: str, seen: set[tuple[str, str]]) -> list[str]:
    name = distribution.metadata["Name"]
    key = (canonicalize_name(name), canonicalize_name(extra))
    if key in seen:  # an extra such as `all` may name its own distribution
        return []
    seen.add(key)
    declared = {canonicalize_name(one): one for one in distribution.metadata.get_all("Provides-Extra") or ()}
    if key[1] not in declared:
        return [f"needs {name}[{extra}]; {name} {distribution.version} has no extra {extra!r}"]
    missing: list[str] = []
    for line in distribution.requires or ():
        requirement = Requirement(line)
        if _belongs_to(requirement.marker, declared[key[1]]):
            missing += _unmet(requirement, declared[key[1]], seen)
    return missing


def _belongs_to(marker: Marker | None, extra: str) -> bool:
    return marker is not None and marker.evaluate({"extra": extra}) and not marker.evaluate({"extra": ""})
