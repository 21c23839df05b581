"""Runs of pytest in a process of their own, with a TRL of one's choice on the path."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import uv

import rldk_trl

SOURCE = Path(rldk_trl.__file__).parents[1]


def uv_install(target: Path, *requirements: str) -> None:
    command = [uv.find_uv_bin(), "pip", "install", "--quiet", "--no-deps", "--python", sys.executable]
    done = subprocess.run(
        [*command, "--target", str(target), *requirements], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def fake_distribution(folder: Path, name: str, version: str, *metadata: str) -> Path:
    """Metadata alone, for what cannot be had: a release of the future, a local build."""
    info = folder / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *metadata, ""]
    (info / "METADATA").write_text("\n".join(lines))
    return folder


class Downstream:
    """A test file of somebody who uses the plugin, run in a process of its own."""

    def __init__(self, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
        self.pytester = pytester
        self._monkeypatch = monkeypatch
        monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
        monkeypatch.setenv("COLUMNS", "200")  # else pytest cuts reasons short
        monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
        self.path(SOURCE)

    def path(self, *folders: Path) -> None:
        self._monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, folders)))

    def run(self, source: str, *options: str, trl: Path | None = None) -> pytest.RunResult:
        self.path(*([] if trl is None else [trl]), SOURCE)
        self.pytester.makepyfile(test_downstream=source)
        return self.pytester.runpytest_subprocess("-p", "rldk_trl", "-p", "no:cacheprovider", "-ra", *options)
