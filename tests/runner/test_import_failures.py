"""The catalogue's failures of TRL's own import, met in environments that are made for them; needs uv and an index."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from rldk.integrations.trl.advice.failures import explain_failure, failure, failures
from rldk_trl.matrix.loader import load_matrix
from rldk_trl.runner.uv_tool import find_uv, uv_environment

IMPORT = "from trl import PPOTrainer, PPOConfig"
EXPERIMENTAL = "from trl.experimental.ppo import PPOTrainer"


@dataclass(frozen=True)
class Environment:
    """What is installed beside a release, of which date the rest is, and whether it then fails."""

    failure: str
    trl: str
    date: str
    packages: tuple[str, ...]
    happens: bool
    program: str = IMPORT
    forced: bool = False
    """The packages are installed after TRL, whose metadata forbids them."""


OLD = ("transformers==4.53.3", "datasets==4.4.1")
NOT_SO_OLD = ("transformers==4.54.0", "datasets==4.4.1")
ENVIRONMENTS = (
    Environment("top-k-top-p-filtering", "0.7.11", "2024-03-25", ("transformers==4.39.0", "numpy<2"), True),
    Environment("top-k-top-p-filtering", "0.7.11", "2024-03-25", ("transformers==4.38.2", "numpy<2"), False),
    Environment("top-k-top-p-filtering", "0.8.0", "2024-03-25", ("transformers==4.39.0", "numpy<2"), False),
    Environment("trackio-not-in-transformers", "0.29.0", "2026-03-30", OLD, True, EXPERIMENTAL, forced=True),
    Environment("trackio-not-in-transformers", "0.28.0", "2026-03-30", OLD, False, EXPERIMENTAL, forced=True),
    Environment("trackio-not-in-transformers", "0.29.0", "2026-03-30", NOT_SO_OLD, False, EXPERIMENTAL, forced=True),
    Environment("peft-not-declared", "0.7.3", "2023-11-20", (), True),
    Environment("peft-not-declared", "0.7.3", "2023-11-20", ("peft",), False),
    Environment("peft-not-declared", "0.7.4", "2023-11-20", (), False),
    Environment("pyarrow-wants-numpy-2", "0.9.6", "2026-11-20", ("transformers<4.43", "pyarrow>=26"), True),
    Environment("pyarrow-wants-numpy-2", "0.9.6", "2026-11-20", ("transformers<4.43", "pyarrow<26", "rich"), False),
    Environment("rich-not-declared", "0.9.6", "2026-11-20", ("transformers<4.43", "pyarrow<26"), True),
    Environment("rich-not-declared", "0.12.0", "2026-11-20", ("transformers<4.47",), False),
    Environment("pkg-resources-removed", "0.4.6", "2023-07-01", ("setuptools==82.0.0",), True),
    Environment("pkg-resources-removed", "0.4.6", "2023-07-01", ("setuptools==81.0.0",), False),
    Environment("pkg-resources-removed", "0.4.7", "2023-07-23", ("setuptools==82.0.0",), False),
)


def name_of(environment: Environment) -> str:
    beside = " ".join(environment.packages)
    return f"{environment.failure} TRL {environment.trl} {beside}".strip()


def test_every_entry_of_an_import_is_met():
    met = {one.failure for one in ENVIRONMENTS if one.happens}
    assert met == {one.failure for one in ENVIRONMENTS}
    assert met <= {entry.id for entry in failures()}


@pytest.mark.parametrize("environment", ENVIRONMENTS, ids=name_of)
def test_the_import_fails_exactly_where_the_catalogue_says(environment: Environment, tmp_path: Path) -> None:
    python, versions = made(environment, tmp_path / "venv")
    entry = failure(environment.failure)
    assert entry.happens_on(environment.trl, versions) is environment.happens
    ended = subprocess.run(
        [python, "-c", environment.program], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert (ended.returncode != 0) is environment.happens, ended.stderr
    if environment.happens:
        assert [found.id for found in explain_failure(ended.stderr, environment.trl, packages=versions)] == [entry.id]


def made(environment: Environment, folder: Path) -> tuple[Path, dict[str, str]]:
    """The environment's Python, and the version of each package in it."""
    matrix, uv, environ = load_matrix(), find_uv(), {**os.environ, **uv_environment()}
    subprocess.run([uv, "venv", "-q", "-p", matrix.python, folder], check=True, env=environ)
    python = folder / "bin" / "python"
    command = [uv, "pip", "install", "-q", "-p", python, "--exclude-newer", f"{environment.date}T23:59:59Z"]
    for name in matrix.fixed.packages:
        command += ["--exclude-newer-package", f"{name}={matrix.fixed.date}T23:59:59Z"]
    release = [f"trl=={environment.trl}", f"torch=={matrix.torch}", "datasets"]
    steps = [release, environment.packages] if environment.forced else [[*release, *environment.packages]]
    for wanted in steps:
        done = subprocess.run([*command, *wanted], capture_output=True, text=True, check=False, env=environ)
        assert done.returncode == 0, done.stderr
    listed = subprocess.check_output(
        [uv, "pip", "list", "-q", "-p", python, "--format", "json"], text=True, env=environ
    )
    return python, {package["name"]: package["version"] for package in json.loads(listed)}
