"""Find which PPO the installed TRL has, from its source files and without importing it.

Importing TRL takes seconds and imports torch, so the source is parsed instead. A class ``PPOTrainer`` with a method
``step`` is the step API, one with ``train`` is the train API. TRL 0.9.2-0.11.4 have both: the train API there is
``PPOv2Trainer``.
"""

from __future__ import annotations

import ast
import importlib.metadata
import importlib.util
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from packaging.version import InvalidVersion, Version

PPOApi = Literal["step", "train"]
PPOModule = Literal["trl", "trl.experimental.ppo", "trl.trainer.ppov2_trainer"]

# All places where releases define PPOTrainer, newest first. TRL 0.26-0.28 keep a stub without methods in the old
# place, so a class that has neither `step` nor `train` is not the trainer.
_PLACES: tuple[tuple[PPOModule, str], ...] = (
    ("trl.experimental.ppo", "experimental/ppo/ppo_trainer.py"),
    ("trl", "trainer/ppo_trainer.py"),
)

# TRL 0.11 exports it from `trl` too. In 0.12 the file only has an alias of PPOTrainer without methods.
_PPOV2_MODULE: PPOModule = "trl.trainer.ppov2_trainer"
_PPOV2_PLACE = "trainer/ppov2_trainer.py"


@dataclass(frozen=True)
class PPOSource:
    """Where a TRL release has ``PPOTrainer`` and which API it has. Both are ``None`` if it has no PPO."""

    api: PPOApi | None
    module: PPOModule | None


def find_ppo(package: Path) -> PPOSource:
    """Find the PPO of the TRL package in the folder ``package``, which is ``trl`` itself.

    Raises:
        SyntaxError: A file that should define the trainer is not valid Python.
    """
    for module, place in _PLACES:
        file = package / place
        if not file.is_file():
            continue
        methods = _methods(ast.parse(file.read_text(encoding="utf-8"), str(file)), "PPOTrainer")
        if "step" in methods:
            return PPOSource("step", module)
        if "train" in methods:
            return PPOSource("train", module)
    return PPOSource(None, None)


def find_ppov2(package: Path) -> PPOSource:
    """Find ``PPOv2Trainer``, the train API of releases that also have the step API, as `find_ppo` does.

    Raises:
        SyntaxError: A file that should define the trainer is not valid Python.
    """
    file = package / _PPOV2_PLACE
    if file.is_file() and "train" in _methods(ast.parse(file.read_text(encoding="utf-8"), str(file)), "PPOv2Trainer"):
        return PPOSource("train", _PPOV2_MODULE)
    return PPOSource(None, None)


def _methods(tree: ast.Module, class_name: str) -> set[str]:
    return {
        item.name
        for node in tree.body
        if isinstance(node, ast.ClassDef) and node.name == class_name
        for item in node.body
        if isinstance(item, ast.FunctionDef)
    }


def installed_version(distribution: str) -> Version | None:
    """Return the version of an installed distribution, or None if it is missing or its version does not parse."""
    try:
        return Version(importlib.metadata.version(distribution))
    except (importlib.metadata.PackageNotFoundError, InvalidVersion, TypeError):
        return None


def installed_package() -> Path | None:
    """Return the folder of the installed TRL package, or None. A folder that is only named ``trl`` does not count."""
    if installed_version("trl") is None:
        return None
    spec = importlib.util.find_spec("trl")
    return Path(spec.origin).parent if spec is not None and spec.origin is not None else None


_find_ppo_cached = cache(find_ppo)
_find_ppov2_cached = cache(find_ppov2)


def installed_ppo() -> PPOSource:
    """Return which PPO the installed TRL has, without importing it. Both fields are None if TRL is not installed."""
    package = installed_package()
    return PPOSource(None, None) if package is None else _find_ppo_cached(package)


def installed_ppov2() -> PPOSource:
    """Return where the installed TRL has ``PPOv2Trainer``, without importing it. Both fields are None if nowhere."""
    package = installed_package()
    return PPOSource(None, None) if package is None else _find_ppov2_cached(package)
