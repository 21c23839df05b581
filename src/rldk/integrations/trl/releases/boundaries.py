"""Which releases have which PPO, for messages only. `generations` chooses behaviour, by probing.

Cells on both sides test each boundary (tests/cell/test_release.py, tests/cell/test_facts.py).
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
# Since then num_mini_batches splits the batch; before, it multiplied it (huggingface/trl#2531).
SPLITS_BATCH = Version("0.17.0")

PPO_RELEASES = "0.2.0-1.12.0"
INSTALL_HINT = "pip install 'trl<1.13'"
API_RELEASES: Mapping[PPOApi, str] = {
    "step": "0.2.0-0.11.4 have it",
    "train": "0.12.0-1.12.0 have it, and 0.9.2-0.11.4 as PPOv2Trainer",
}

# Where PPO is in releases that are not installed. The installed release is probed instead.
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
    """Return the release that a version counts as. A pre-release or development build counts as its final release.

    None if ``version`` is None or does not parse.
    """
    try:
        return None if version is None else Version(Version(str(version)).base_version)
    except InvalidVersion:
        return None


def known_ppo(version: Version) -> PPOSource:
    """Return where any release, installed or not, has its PPO; both fields are None if it has no PPO."""
    found = (source for releases, source in _HISTORY if is_in(version, releases))
    return next(found, PPOSource(None, None))


def is_in(version: Version | str | None, releases: str) -> bool:
    """Whether a version counts as one of ``releases``, a PEP 440 specifier."""
    release = release_of(version)
    return release is not None and release in SpecifierSet(releases)


def in_spans(version: Version, spans: str) -> bool:
    """Whether a release lies in ``spans``, such as ``0.2.0-0.7.3, 0.12.0``; both ends are included."""
    return any(version in SpecifierSet(one, prereleases=True) for one in specifiers_of(spans))


def specifiers_of(spans: str) -> list[str]:
    """Return one PEP 440 specifier for each of the spans that `in_spans` reads."""
    ends = [span.partition("-") for span in spans.split(", ") if span]
    return [f">={first},<={last or first}" for first, _, last in ends]


def nearest_measured(version: Version) -> str:
    """Return the releases just below and just above ``version`` on which PPO trained in the matrix, as text."""
    measured = sorted(map(Version, measured_releases()))
    below = [known for known in measured if known < version][-1:]
    above = [known for known in measured if known > version][:1]
    return ", ".join(map(str, below + above)) or "none"


def why_no_ppo(version: Version) -> str:
    """Return why a release has no PPO, as part of a sentence."""
    if version >= PPO_DELETED:
        return f"it was deleted in {PPO_DELETED} (huggingface/trl#7020)"
    if version < FIRST_PPO:
        return f"`trl` exports a PPOTrainer from {FIRST_PPO} on"
    return "its files define no PPOTrainer with `step` or `train`"


def no_ppo_message(version: Version) -> str:
    """Return one line: why this TRL release has no PPO, which releases have it, and what to use instead."""
    return (
        f"TRL {version} has no PPO: {why_no_ppo(version)}; TRL {PPO_RELEASES} have it: {INSTALL_HINT}, "
        f"or use GRPOTrainer or RLOOTrainer instead"
    )
