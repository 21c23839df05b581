"""Which PPO the installed TRL offers, read from its files without importing it.

Importing TRL costs seconds and pulls in torch, so what can be seen in the source is read there:
a class ``PPOTrainer`` with a method ``step`` is the step API, one with ``train`` is the train API.
TRL 0.9.2-0.11.4 have the train API too, beside the step API: ``PPOv2Trainer``.
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

# Where a PPOTrainer was ever defined, newest place first: TRL 0.26-0.28 keep a stub without methods in the
# old place, so a class that has neither `step` nor `train` is not the trainer.
_PLACES: tuple[tuple[PPOModule, str], ...] = (
    ("trl.experimental.ppo", "experimental/ppo/ppo_trainer.py"),
    ("trl", "trainer/ppo_trainer.py"),
)

# TRL 0.11 exports it from `trl` too. In 0.12 the file holds an alias of PPOTrainer without methods.
_PPOV2_MODULE: PPOModule = "trl.trainer.ppov2_trainer"
_PPOV2_PLACE = "trainer/ppov2_trainer.py"


@dataclass(frozen=True)
class PPOSource:
    """Where one TRL release keeps ``PPOTrainer`` and which API it has; both ``None`` where it has none."""

    api: PPOApi | None
    module: PPOModule | None


def find_ppo(package: Path) -> PPOSource:
    """Read which PPO the TRL package in folder ``package`` (the folder ``trl`` itself) offers.

    Raises:
        SyntaxError: a file that should hold the trainer is not Python.
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
    """As `find_ppo`, for ``PPOv2Trainer``: the train API beside the step API.

    Raises:
        SyntaxError: a file that should hold the trainer is not Python.
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
    """The version of an installed distribution, or None where it is absent or its version does not parse."""
    try:
        return Version(importlib.metadata.version(distribution))
    except (importlib.metadata.PackageNotFoundError, InvalidVersion, TypeError):
        return None


def installed_package() -> Path | None:
    """The folder of the installed TRL package, or None; a folder that merely is called ``trl`` does not count."""
    if installed_version("trl") is None:
        return None
    spec = importlib.util.find_spec("trl")
    return Path(spec.origin).parent if spec is not None and spec.origin is not None else None


_find_ppo_cached = cache(find_ppo)
_find_ppov2_cached = cache(find_ppov2)


def installed_ppo() -> PPOSource:
    """Which PPO the installed TRL offers; nothing is imported. Both fields are None where TRL is absent."""
    package = installed_package()
    return PPOSource(None, None) if package is None else _find_ppo_cached(package)


def installed_ppov2() -> PPOSource:
    """The ``PPOv2Trainer`` of the installed TRL; nothing is imported. Both fields are None where it has none."""
    package = installed_package()
    return PPOSource(None, None) if package is None else _find_ppov2_cached(package)
