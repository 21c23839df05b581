"""Imports between releases: modules that moved, names that are gone, and what replaces them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from packaging.version import Version

from rldk.integrations.trl.advice.names import has, known_names
from rldk.integrations.trl.advice.porting.finding import Finding
from rldk.integrations.trl.advice.porting.uses import CONFIGS, TRAINERS, VALUE_HEADS, Import, Program, Unseen
from rldk.integrations.trl.advice.replacements import REPLACEMENTS
from rldk.integrations.trl.releases.boundaries import is_in

# On these releases `trl` has stubs with the trainer's names, which warn.
_STUBS = ">=0.26.0,<0.29.0"
# Of these `PPOv2Trainer` is an alias, which warns.
_PPOV2_ALIAS = ">=0.12.0,<0.13.0"


_SINCE = re.compile(r">=([^,\s]+)")
_PPOV2_NAMES: Mapping[str, str] = {"PPOv2Config": "PPOConfig", "PPOv2Trainer": "PPOTrainer"}


def places(name: str) -> Mapping[str, str]:
    """Return module -> the releases that have the name there, as specifiers. Empty for a name that PPO never used."""
    found: Mapping[str, str] = known_names()["names"].get(name, {})
    return found


def gives(use: Import, version: Version) -> bool | None:
    """Whether an import works on a release; None if that is not known."""
    modules, found = known_names()["modules"], places(use.name or "")
    module = use.module if use.name is None else f"{use.module}.{use.name}"
    if module in modules:
        return has(version, modules[module])
    if not found or use.module not in modules:
        return None
    if use.module in found and has(version, found[use.module]):
        return True
    if not has(version, modules[use.module]):
        return False
    # A module that imports the name, from TRL or elsewhere, gives it too. The table shows that for packages only.
    is_package = any(other.startswith(f"{use.module}.") for other in modules)
    is_elsewhere = any(has(version, each) for each in found.values())
    was_there = any(version >= Version(since) for since in _SINCE.findall(found.get(use.module, "")))
    return False if is_package or (was_there and not is_elsewhere) else None


def unknown_imports(program: Program, target: Version) -> Iterator[Unseen]:
    """Yield the imports of which nothing is known on ``target``, most of them not a part of PPO."""
    for use in program.imports:
        name = use.module if use.name is None else f"{use.module}.{use.name}"
        if gives(use, target) is None and name not in ("trl", "trl.__version__"):
            yield Unseen(use.line, f"whether TRL {target} has {name}, which is not a part of PPO there")


def import_findings(program: Program, target: Version) -> Iterator[Finding]:
    """Yield what changes for a program's imports on ``target``."""
    for use in program.imports:
        if use.name in _PPOV2_NAMES and is_in(target, _PPOV2_ALIAS) and gives(use, target):
            yield _finding(use, target, "deprecated", f"in TRL {target} it is another name of {_renamed(use)}")
        elif use.name in ("PPOConfig", "PPOTrainer") and _is_stub(use, target):
            yield _finding(use, target, "deprecated", f"in TRL {target} this is a stub that warns")
        elif gives(use, target) is False and not _has_another_try(use, program, target):
            what = f"no module {use.module}" if use.name is None else f"no {use.name} in {use.module}"
            yield _finding(use, target, "fails", f"TRL {target} has {what}")


def _renamed(use: Import) -> str:
    return _PPOV2_NAMES.get(str(use.name), str(use.name))


def _is_stub(use: Import, target: Version) -> bool:
    return is_in(target, _STUBS) and not use.module.startswith("trl.experimental")


def _has_another_try(use: Import, program: Program, target: Version) -> bool:
    """Whether another branch of the same ``try`` imports the same name in a way that works."""
    return use.types_only or any(
        other.attempt == use.attempt and other.bound == use.bound and gives(other, target)
        for other in program.imports
        if use.attempt is not None and other is not use
    )


def _finding(use: Import, target: Version, problem: str, says: str) -> Finding:
    write, note = _written(use, target)
    return Finding(
        line=use.line,
        kind="import",
        name=use.module if use.name is None else f"{use.module}.{use.name}",
        problem="deprecated" if problem == "deprecated" else "fails",
        says=says,
        releases=places(use.name or "").get(use.module, ""),
        write=write,
        note=note,
        rldk=_ours(use),
    )


def _written(use: Import, target: Version) -> tuple[str | None, str | None]:
    if use.name is None:
        return None, "import the names that the program uses from where they are now"
    name = _renamed(use)
    homes = [
        module
        for module, releases in places(name).items()
        if has(target, releases)
        and not (
            name in ("PPOConfig", "PPOTrainer") and is_in(target, _STUBS) and not module.startswith("trl.experimental")
        )
    ]
    if homes:
        home = min(homes, key=lambda module: (module.count("."), "experimental" in module, module))
        if home.startswith("trl.experimental.ppo."):
            home = next((module for module in homes if module == "trl.experimental.ppo"), home)
        alias = f" as {use.bound}" if use.bound not in ("", use.name) else ""
        return f"from {home} import {name}{alias}", None
    replacement = REPLACEMENTS.get(name)
    if replacement is None or not replacement.is_on(target):
        return None, f"nothing in TRL {target} replaces it"
    return replacement.code, replacement.note


def _ours(use: Import) -> str | None:
    if use.name in CONFIGS:
        return "from rldk.integrations.trl import create_ppo_config"
    if use.name in TRAINERS:
        return "from rldk.integrations.trl import create_ppo_trainer, run_ppo"
    if use.name in VALUE_HEADS:
        return "from rldk.integrations.trl import prepare_models_for_ppo"
    return None
