"""A small project whose cells are quick: releases without PPO, of which nothing heavy is imported."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import pytest

from rldk_trl.runner.outcome import Status
from rldk_trl.runner.results import RESULTS, read_result

RELEASES = ">=1.15"
NOXFILE = f"""
from rldk_trl.nox import trl_matrix

trl_matrix(tests=["test_mine.py"], releases="{RELEASES}", tags=["period"])
"""
TESTS = """
import importlib.metadata
import time


def test_mine():
    time.sleep(0.5)
    assert importlib.metadata.version("trl")
"""


class Project:
    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "noxfile.py").write_text(NOXFILE)
        (root / "test_mine.py").write_text(TESTS)
        self.results = root / RESULTS

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "nox", "-s", "trl_matrix", *arguments],
            cwd=self.root,
            env={key: value for key, value in os.environ.items() if not key.startswith("RLDK_TRL_")},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: str) -> tuple[int, str]:
        process = self.start(*arguments)
        output, _ = process.communicate(timeout=300)
        return process.returncode, output

    def statuses(self) -> dict[str, str]:
        """Every result there is, each whole and true to its form; a half file is an error here."""
        found = {}
        for path in sorted(self.results.glob("*.json")):
            content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            result = read_result(self.root, path.stem)
            assert result is not None
            assert content["status"] in get_args(Status)
            found[path.stem] = result.status
        return found

    def processes(self) -> list[int]:
        """Processes that work in this project: nox, uv and pytest."""
        mine = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    if (entry / "cwd").resolve().is_relative_to(self.root):
                        mine.append(int(entry.name))
                except OSError:
                    continue
        return sorted(mine)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def command_of(pid: int) -> Sequence[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
    except OSError:
        return []
