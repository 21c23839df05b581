"""Versions for people to read: which releases have which PPO. Behavior is chosen by `generations`, which probes.

Each boundary is proved by cells on both sides (tests/cell/test_release.py, tests/cell/test_facts.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import overload

from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

from rldk.integrations.trl.releases.installed import PPOApi, PPOSource
from rldk.integrations.trl.releases.measured import measured_releases

FIRST_PPO = Version("0.2.0")
TRAIN_API = Version("0.12.0")
PPO_DELETED = Version("1.13.0")

PPO_RELEASES = "0.2.0-1.12.0"
INSTALL_HINT = "pip install 'trl<1.13'"
API_RELEASES: Mapping[PPOApi, str] = {
    "step": "0.2.0-0.11.4 have it",
    "train": "0.12.0-1.12.0 have it, and 0.9.2-0.11.4 as PPOv2Trainer",
}

# Where PPO is, for releases that are not installed; the installed one is probed instead.
_HISTORY: tuple[tuple[str, PPOSource], ...] = (
    (">=0.2.0,<0.12.0", PPOSource("step", "trl")),
    (">=0.12.0,<0.26.0", PPOSource("train", "trl")),
    (">=0.26.0,<1.13.0", PPOSource("train", "trl.experimental.ppo")),
)


@overload
def release_of(version: Version) -> Version: ...
@overload
def release_of(version: Version | str | None) -> Version | None: ...
def release_of(version: Version | str | None) -> Version | None:
    """The release that a version counts as: a pre-release or development build counts as the one it leads to.

    None where ``version`` is None or does not parse.
    """
    try:
        return None if version is None else Version(Version(str(version)).base_version)
    except InvalidVersion:
        return None


def known_ppo(version: Version) -> PPOSource:
    """Where a release that need not be installed has its PPO; both fields are None where it has none."""
    found = (source for releases, source in _HISTORY if is_in(version, releases))
    return next(found, PPOSource(None, None))


def is_in(version: Version | str | None, releases: str) -> bool:
    """Whether a version counts as one of ``releases``, a PEP 440 specifier."""
    release = release_of(version)
    return release is not None and release in SpecifierSet(releases)


def nearest_measured(version: Version) -> str:
    """The releases just below and just above ``version`` on which the matrix saw PPO train, as text."""
    measured = sorted(map(Version, measured_releases()))
    below = [known for known in measured if known < version][-1:]
    above = [known for known in measured if known > version][:1]
    return ", ".join(map(str, below + above)) or "none"


def why_no_ppo(version: Version) -> str:
    """Since when a release without PPO has none, as part of a sentence."""
    if version >= PPO_DELETED:
        return f"it was deleted in {PPO_DELETED} (huggingface/trl#7020)"
    if version < FIRST_PPO:
        return f"`trl` exports a PPOTrainer from {FIRST_PPO} on"
    return "its files define no PPOTrainer with `step` or `train`"


def no_ppo_message(version: Version) -> str:
    """Why this TRL release has no PPO, which releases have it, and what to use instead, on one line."""
    return (
        f"TRL {version} has no PPO: {why_no_ppo(version)}; TRL {PPO_RELEASES} have it: {INSTALL_HINT}, "
        f"or use GRPOTrainer or RLOOTrainer instead"
    )
