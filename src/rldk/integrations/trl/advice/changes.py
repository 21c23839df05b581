"""``ppo_changes``: what changes for PPO code between two TRL releases."""

from __future__ import annotations

from typing import Any

from packaging.version import InvalidVersion, Version

from rldk.integrations.trl.advice.change_entries import ENTRIES, Entry, Kind
from rldk.integrations.trl.advice.names import has, known_names, shortest_place
from rldk.integrations.trl.config.defaults import OPTIONS, config_default, default_runs
from rldk.integrations.trl.config.refusals import option_releases
from rldk.integrations.trl.config.unread import NEVER_READ
from rldk.integrations.trl.config.vocabulary import VOCABULARY
from rldk.integrations.trl.releases.boundaries import (
    FIRST_PPO,
    INSTALL_HINT,
    PPO_DELETED,
    PPO_RELEASES,
    TRAIN_API,
    in_spans,
    nearest_measured,
    release_of,
    why_no_ppo,
)
from rldk.integrations.trl.releases.installed import installed_version
from rldk.integrations.trl.releases.measured import measured_releases

_WHEELS = "read in every wheel: docs/generations.md"

# The train API's trainer sets these, so None there is not a real default.
_STEP_ONLY = frozenset(NEVER_READ)


def ppo_changes(old: str | Version, new: str | Version | None = None) -> list[str]:
    """List what changes for PPO code between two TRL releases. Does not import TRL.

    Args:
        old: The release that the code was written for, e.g. ``"0.11.4"``.
        new: The release that the code should run on. None for the installed one. May be older than ``old``.

    Returns:
        One line per change, the most important first: API, module, names, constructor, options, defaults that changed
        silently, behaviour that changed silently, environment. Each line starts with the release of the change, says
        what was before, and names its source: an issue of huggingface/trl, a row of the matrix, or TRL's wheels.
        Empty if no change is known. A version that the matrix did not test is treated as its final release; then the
        first line says so.

    Raises:
        ValueError: A version is not a PEP 440 version, or ``new`` is None and TRL is not installed.
    """
    versions = _parsed(old, "old"), _installed() if new is None else _parsed(new, "new")
    lines = [line for version in dict.fromkeys(versions) for line in _not_measured(version)]
    here, there = (release_of(version) for version in versions)
    if here == there:
        return lines
    if here > there:
        lines.append(f"going back from {versions[0]} to {versions[1]}: each line says what no longer applies")
    has = [_has_ppo(version) for version in (here, there)]
    if has != [True, True]:
        return lines + _without_ppo(here, there, has)
    lines += _entries("api", here, there) + _entries("module", here, there) + _name_lines(here, there)
    lines += _entries("constructor", here, there)
    lines += _option_lines(here, there) + _default_lines(here, there)
    return lines + _entries("behaviour", here, there) + _entries("environment", here, there)


def _parsed(version: str | Version, name: str) -> Version:
    try:
        return version if isinstance(version, Version) else Version(version)
    except (InvalidVersion, TypeError):
        raise ValueError(
            f"{name} version {version!r} is not a PEP 440 version: pass a release like '0.23.0'"
        ) from None


def _installed() -> Version:
    found = installed_version("trl")
    if found is None:
        raise ValueError(f"TRL is not installed here: pass the second version, or {INSTALL_HINT}")
    return found


def _has_ppo(version: Version) -> bool:
    return FIRST_PPO <= version < PPO_DELETED


def _not_measured(version: Version) -> list[str]:
    if version.public in measured_releases() or not _has_ppo(release_of(version)):
        return []
    return [
        f"TRL {version} was not tested in any row of the matrix, so it is described as {release_of(version)}; "
        f"nearest tested releases: {nearest_measured(version)}"
    ]


def _without_ppo(here: Version, there: Version, has: list[bool]) -> list[str]:
    if not any(has):
        return [f"neither TRL {here} nor {there} has PPO: TRL {PPO_RELEASES} have it ({INSTALL_HINT})"]
    if has[0]:
        instead = f"use a release with PPO ({INSTALL_HINT}), or move to GRPOTrainer or RLOOTrainer"
        return [f"TRL {there} has no PPO, because {why_no_ppo(there)}: {instead}"]
    return [f"TRL {there} has PPO, but {here} does not, because {why_no_ppo(here)}"]


def _crossed(since: Version, here: Version, there: Version) -> bool:
    return min(here, there) < since <= max(here, there)


def _entries(kind: Kind, here: Version, there: Version) -> list[str]:
    crossed = [entry for entry in ENTRIES if entry.kind == kind and _crossed(Version(entry.since), here, there)]
    return [_said(entry, forward=here < there) for entry in sorted(crossed, key=lambda entry: Version(entry.since))]


def _said(entry: Entry, *, forward: bool) -> str:
    if forward:
        return f"since {entry.since}: {entry.now}; before: {entry.before} ({entry.source})"
    return f"before {entry.since}: {entry.before}; since then: {entry.now} ({entry.source})"


def _honours(option: str, version: Version) -> bool:
    return in_spans(version, option_releases()[option])


def _name_lines(here: Version, there: Version) -> list[str]:
    """Return lines on the names that PPO code imports and that the other release has elsewhere, or does not have."""
    moved, gone = [], []
    for name, places in known_names()["names"].items():
        was, now = shortest_place(places, here), shortest_place(places, there)
        if was is not None and now is None:
            gone.append(f"{was}.{name}")
        elif was is not None and now is not None and not has(there, places[was]):
            moved.append(f"{was}.{name} -> {now}")
    lines = []
    if moved:
        lines.append(f"names that TRL {there} has in another module: {'; '.join(moved)} ({_WHEELS})")
    if gone:
        lines.append(f"names that TRL {there} does not have: {', '.join(gone)} ({_WHEELS})")
    return lines


def _option_lines(here: Version, there: Version) -> list[str]:
    """Return lines on the options that only one of the two releases has, with their names in the other."""
    table = option_releases()
    gone = [name for name in table if _honours(name, here) and not _honours(name, there)]
    new = [name for name in table if _honours(name, there) and not _honours(name, here)]
    renamed = []
    for row in VOCABULARY:
        was, now = (row.step, row.portable) if there >= TRAIN_API else (row.portable, row.step)
        left = [name for name in was if name in gone]
        found = [name for name in now if name in new]
        if left and found and "use_cpu" not in row.portable:  # accelerator_kwargs["cpu"] is not a renaming
            renamed.append(f"{', '.join(left)} -> {', '.join(found)}")
            gone = [name for name in gone if name not in was]
            new = [name for name in new if name not in now]
    lines = []
    if renamed:
        pairs = "; ".join(renamed)
        lines.append(f"options with other names in TRL {there}, mapped by create_ppo_config: {pairs} ({_WHEELS})")
    if gone:
        lines.append(f"options that TRL {there} does not have: {', '.join(gone)} ({_WHEELS})")
    if new:
        lines.append(f"options that TRL {there} has and {here} does not have: {', '.join(new)} ({_WHEELS})")
    return lines


def _default_lines(here: Version, there: Version) -> list[str]:
    lines = []
    for option in OPTIONS:
        was, now = config_default(option, here), config_default(option, there)
        both_apis = (here < TRAIN_API) != (there < TRAIN_API)
        if not was or not now or was == now or (both_apis and option in _STEP_ONLY):
            continue
        since = max(Version(run[0]) for run in default_runs()[option] if _crossed(Version(run[0]), here, there))
        lines.append(_changed_default(option, was[0], now[0], since, forward=here < there))
    if (here < TRAIN_API) != (there < TRAIN_API):
        step, train = (here, there) if here < there else (there, here)
        lines += _across_apis(step, train, forward=here < there)
    return lines


def _changed_default(option: str, was: Any, now: Any, since: Version, *, forward: bool) -> str:
    when = f"since {since}" if forward else f"before {since}"
    return f"{when}: the default of {option} is {now!r}, not {was!r} (row of the matrix)"


def _across_apis(step: Version, train: Version, *, forward: bool) -> list[str]:
    """Return lines on changed defaults of what the two APIs call by different names."""

    def default(option: str, version: Version) -> Any:
        return config_default(option, version)[0]

    kl = (
        f"init_kl_coef={default('init_kl_coef', step)!r}, adapted towards target={default('target', step)!r}",
        f"kl_coef={default('kl_coef', train)!r}, fixed",
    )
    batch = (
        f"{default('batch_size', step)} prompts per update",
        f"{default('per_device_train_batch_size', train)} prompts per update and process",
    )
    sampling = (
        "set by the arguments of generate()",
        f"{default('response_length', train)} tokens at temperature {default('temperature', train)}",
    )
    lines = []
    for what, pair in (("KL coefficient", kl), ("batch", batch), ("response", sampling)):
        was, now = pair if forward else pair[::-1]
        when = "since 0.12.0" if forward else "before 0.12.0"
        lines.append(f"{when}: the default {what} is {now}; it was {was} (row of the matrix)")
    return lines
