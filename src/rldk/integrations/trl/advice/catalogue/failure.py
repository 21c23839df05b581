"""`Failure`: one entry of the catalogue of failures that PPO users meet."""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from rldk.integrations.trl.advice.catalogue.matching import as_read, pattern
from rldk.integrations.trl.releases.boundaries import is_in, release_of
from rldk.integrations.trl.releases.installed import installed_version

ROW_OF_THE_MATRIX = "row of the matrix"
# An embedding without the row that was asked for, as the CPU and as CUDA say it.
OUT_OF_RANGE = (
    r"index out of range in self|srcIndex < srcSelectDimSize|device-side assert triggered"
    r"|-sizes\[i\] <= index|(?:vectorized_gather_kernel|IndexKernel)[\s\S]{0,200}?index out of bounds"
)


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A failure that PPO users meet: how to recognize it, where it happens, its cause, and what to do."""

    id: str
    """Its name, in kebab-case."""
    message: str
    """A regular expression to search for in an error message or traceback; see `matching.pattern`."""
    releases: str
    """The TRL releases on which it happens, a PEP 440 specifier."""
    cause: str
    """The cause, one line without a capital and a full stop, so that it can follow a colon."""
    advice: str
    """What to do, one line in the same form."""
    link: str
    """The issue or pull request with more information, or `ROW_OF_THE_MATRIX`."""
    requires: tuple[str, ...] = ()
    """PEP 508 requirements that must also be met for it to happen, such as ``"transformers>=5.15"``."""
    absent: tuple[str, ...] = ()
    """Distributions that must not be installed for it to happen."""
    found: bool
    """Whether ``validate_ppo_setup``, ``create_ppo_config`` or ``check_trl_compatibility`` detects it first."""
    fixed_by: str | None = None
    """The public function that fixes it; None if only the user can."""
    only_trl: bool = False
    """Whether no other program raises this message. If not, a text that does not name PPO or TRL may be another's."""
    advice_only: bool = False
    """Whether it was reported by users, but no test reproduces it."""
    world: str | None = None
    """The world of the matrix that reproduces it, if it needs several processes (``"ddp"``). None: every cell."""
    possible: bool = False
    """Set by ``explain_failure``: the text does not show that the error came from PPO."""

    @property
    def reference(self) -> str:
        """The link in short form: ``huggingface/trl#2340``."""
        found = re.fullmatch(r"https://github\.com/([^/]+/[^/]+)/(?:issues|pull)/(\d+)", self.link)
        return f"{found[1]}#{found[2]}" if found else self.link

    def matches(self, text: str) -> bool:
        """Whether ``text``, an error message or a traceback, shows this failure."""
        return pattern(self.message).search(as_read(text)) is not None

    def happens_on(self, version: str | Version | None = None, packages: Mapping[str, str] | None = None) -> bool:
        """Whether it happens on a TRL release.

        Args:
            version: The release. None for the installed one. A pre-release counts as its final release.
            packages: Distribution -> version, for `requires` and `absent`. If None, the installed packages are used
                for the installed release; for other releases the packages are assumed to let it happen.
        """
        installed = release_of(installed_version("trl"))
        release = installed if version is None else release_of(version)
        if not is_in(release, self.releases):
            return False
        if packages is not None:
            versions = {str(canonicalize_name(name)): number for name, number in packages.items()}
        elif release == installed:
            versions = _installed_versions((*self.requires, *self.absent))
        else:
            return True
        return all(_is_met(Requirement(one), versions) for one in self.requires) and not any(
            canonicalize_name(name) in versions for name in self.absent
        )


def _installed_versions(requirements: tuple[str, ...]) -> dict[str, str]:
    versions = {}
    for name in (str(canonicalize_name(Requirement(one).name)) for one in requirements):
        with suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)
    return versions


def _is_met(requirement: Requirement, versions: Mapping[str, str]) -> bool:
    version = versions.get(canonicalize_name(requirement.name))
    try:
        return version is not None and requirement.specifier.contains(version, prereleases=True)
    except InvalidVersion:
        return False
