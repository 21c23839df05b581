"""The sessions that nox lists, here and in a project that uses ``rldk_trl.nox``."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from rldk_trl.matrix.cells import all_cells
from rldk_trl.matrix.loader import load_matrix

ROOT = Path(__file__).resolve().parents[2]
SMOKE = {"0.11.4", "0.12.2", "0.16.1", "0.23.0", "0.26.2", "1.12.0", "1.16.0"}


def nox(noxfile: Path, *args: str, **environ: str) -> subprocess.CompletedProcess[str]:
    place = str(Path(next(iter(importlib.util.find_spec("rldk_trl").submodule_search_locations))).parent)
    env = {**os.environ, "PYTHONPATH": place, **environ}
    command = [sys.executable, "-m", "nox", "-f", str(noxfile), *args]
    return subprocess.run(command, cwd=noxfile.parent, env=env, capture_output=True, text=True, check=False)


def listed(noxfile: Path, *args: str) -> dict[str, dict]:
    done = nox(noxfile, "-l", "--json", *args)
    assert done.returncode == 0, done.stderr
    return {session["session"]: session for session in json.loads(done.stdout)}


def test_own_sessions_and_their_tags():
    every = listed(ROOT / "noxfile.py", "-s", "trl_matrix")
    assert {name: session["tags"] for name, session in every.items()} == {
        f"trl_matrix({cell.id})": cell.tags for cell in all_cells(load_matrix())
    }
    assert set(listed(ROOT / "noxfile.py")) == {
        "tests(pytest-7.4)",
        "tests(pytest-newest)",
        "lint",
        "typecheck",
    }


def test_smoke_tag():
    assert {f"trl_matrix({name})" for name in SMOKE} == set(listed(ROOT / "noxfile.py", "-t", "smoke"))


DOWNSTREAM = """
from rldk_trl.nox import trl_matrix
trl_matrix(tests=["tests"], install=["-e", "."], {choice})
"""


@pytest.mark.parametrize(
    ("choice", "cells"),
    [
        ('releases=">=0.25.1,<0.26.1"', {"0.25.1", "0.25.1-today", "0.26.0", "0.26.0-today"}),
        ('tags=["smoke", "step"]', {"0.11.4"}),
        ('releases="<1.13", tags=["smoke"]', SMOKE - {"1.16.0"}),
        ('releases="==0.24.0", worlds={"ddp": ["t"]}', {"0.24.0", "0.24.0-today", "0.24.0-ddp"}),
        ('tags=["smoke", "step"], worlds={"ddp": ["t"], "gpu": ["t"]}', {"0.11.4", "0.11.4-ddp", "0.11.4-gpu"}),
        ('releases="==0.24.0", tags=["ddp"], worlds={"ddp": ["t"]}', {"0.24.0-ddp"}),
    ],
)
def test_downstream(tmp_path, choice, cells):
    (tmp_path / "noxfile.py").write_text(DOWNSTREAM.format(choice=choice))
    names = set(listed(tmp_path / "noxfile.py"))
    assert names == {*(f"trl_matrix({cell})" for cell in cells), "trl_report"}


@pytest.mark.parametrize(
    ("choice", "environ", "said"),
    [
        ('releases="==0.20.9"', {}, "rldk-trl: releases='==0.20.9', tags=[]: no cell matches"),
        ('releases="0.20"', {}, "not a PEP 440 specifier"),
        ('worlds={"dpp": ["t"]}', {}, "world 'dpp': it has none of these cells; use one of single, ddp, zero2,"),
        ('releases=">=1.13", worlds={"ddp": ["t"]}', {}, "world 'ddp': it has none of these cells; use one of single"),
        ("timeout_s=0", {}, "write a number of seconds above 0"),
        ("", {"RLDK_TRL_CELL_TIMEOUT": "soon"}, "RLDK_TRL_CELL_TIMEOUT=soon"),
    ],
)
def test_downstream_mistake_is_one_line(tmp_path, choice, environ, said):
    (tmp_path / "noxfile.py").write_text(DOWNSTREAM.format(choice=choice))
    done = nox(tmp_path / "noxfile.py", "-l", **environ)
    assert done.returncode != 0
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_smoke_releases_of_a_world():
    names = set(listed(ROOT / "noxfile.py", "-t", "smoke-ddp"))
    assert names == {f"trl_matrix({name}-ddp)" for name in SMOKE - {"1.16.0"}}


def test_a_cell_that_needs_a_device_is_skipped_in_one_line_without_one(tmp_path):
    choice = 'releases="==0.23.0", tags=["gpu"], worlds={"gpu": ["tests"]}'
    (tmp_path / "noxfile.py").write_text(DOWNSTREAM.format(choice=choice))
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "nvidia-smi").write_text("#!/bin/sh\nexit 9\n")
    (tmp_path / "bin" / "nvidia-smi").chmod(0o755)
    path = f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"
    done = nox(tmp_path / "noxfile.py", "--no-venv", "-s", "trl_matrix(0.23.0-gpu)", PATH=path)
    assert done.returncode == 0, done.stderr
    said = "0.23.0-gpu: no nvidia device here (nvidia-smi shows none); run it where one is"
    assert sum(said in line for line in done.stderr.splitlines()) == 1
    assert not (tmp_path / ".matrix").exists()


def test_nothing_imports_pytest(tmp_path):
    code = "import sys, rldk_trl.nox, rldk_trl.cli; sys.exit('pytest' in sys.modules)"
    place = str(Path(next(iter(importlib.util.find_spec("rldk_trl").submodule_search_locations))).parent)
    env = {**os.environ, "PYTHONPATH": place}
    assert subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=env, check=False).returncode == 0


def test_report_of_a_project_without_results(tmp_path):
    (tmp_path / "noxfile.py").write_text(DOWNSTREAM.format(choice='releases="==0.23.0", tags=["period"]'))
    done = nox(tmp_path / "noxfile.py", "-s", "trl_report")
    assert done.returncode == 0, done.stderr
    (row,) = json.loads((tmp_path / ".matrix" / "report.json").read_text())["cells"]
    assert (row["cell"], row["status"]) == ("0.23.0", "not run")
