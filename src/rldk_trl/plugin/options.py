"""The plugin's command-line options. Each one is also an ini option."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

from rldk_trl.plugin.release import Installed, installed


@dataclass(frozen=True)
class Settings:
    """The values of the options, and what is installed."""

    installed: Installed
    model: str | None
    """The model to use instead of the tiny one: a Hub id or an absolute path."""
    strict: bool
    """Whether tests that this plugin would skip fail instead."""


SETTINGS = pytest.StashKey[Settings]()


def add_options(parser: pytest.Parser) -> None:
    """Add the group ``rldk-trl``."""
    group = parser.getgroup("rldk-trl", "rldk-trl: PPO on the installed TRL release")
    model_help = "Hub id or folder of the model that the PPO fixtures use instead of the tiny GPT-2."
    group.addoption("--trl-model", metavar="NAME", default=None, help=model_help)
    parser.addini("trl_model", f"{model_help} A relative folder is relative to this file.", default="")
    strict_help = "Fail the tests that rldk-trl would skip."
    group.addoption("--trl-strict", action="store_true", default=False, help=strict_help)
    boolean: Literal["bool"] = "bool"  # in the call, mypy reads the string as a type, which pytest 9.2 accepts too
    parser.addini("trl_strict", strict_help, type=boolean, default=False)


def read_settings(config: pytest.Config) -> Settings:
    """Read and check the options.

    Raises:
        pytest.UsageError: an option has a wrong value.
    """
    try:
        strict = bool(config.getoption("trl_strict") or config.getini("trl_strict"))
    # pytest 7.4 raises ValueError, 9 a UsageError that does not name the option.
    except (ValueError, TypeError, pytest.UsageError) as error:
        raise pytest.UsageError(f"ini option trl_strict: {error}; write e.g. trl_strict = true") from None
    model: str | None = config.getoption("trl_model")
    if model is not None:
        return Settings(installed(), _model(model, "--trl-model", config.invocation_params.dir), strict)
    written = config.getini("trl_model")
    folder = config.rootpath if config.inipath is None else config.inipath.parent
    return Settings(installed(), _model(written, "ini option trl_model", folder) if written else None, strict)


def _model(name: str, option: str, base: Path) -> str:
    if not name.strip():
        raise pytest.UsageError(f"{option}: the name is empty; write e.g. --trl-model org/name or a folder")
    folder = base / Path(name).expanduser()
    if folder.is_dir():
        if not (folder / "config.json").is_file():
            raise pytest.UsageError(f"{option}: folder {name!r} has no config.json; name a Hub id or a model's folder")
        return str(folder.resolve())  # tests may change the working directory
    if name.startswith((".", "~")) or Path(name).is_absolute():
        raise pytest.UsageError(f"{option}: folder {name!r} does not exist; name a Hub id or a model's folder")
    return name
