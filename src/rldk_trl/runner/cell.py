"""Run one cell: install its lock and the code under test, run pytest once, write the result."""

from __future__ import annotations

import functools
import hashlib
import json
import platform
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rldk_trl.cell_protocol import IMPORT_FAILED, read_import_failure
from rldk_trl.errors import ResolutionError, RldkTrlError, RunError
from rldk_trl.files import tree_digest
from rldk_trl.matrix.cells import Cell
from rldk_trl.matrix.locks import CONSTRAINTS, inputs_digest, lock_path, read_lock
from rldk_trl.matrix.schema import SINGLE, Phase
from rldk_trl.runner.dependencies import reachable_files
from rldk_trl.runner.environment import cell_environment
from rldk_trl.runner.installing import install_commands
from rldk_trl.runner.junit import JUnitError, read_junit
from rldk_trl.runner.outcome import Observed, classify, one_line
from rldk_trl.runner.process import run_logged
from rldk_trl.runner.resolving import resolve
from rldk_trl.runner.results import CellResult, ResultFiles, result_files, write_result
from rldk_trl.runner.uv_tool import uv_environment

SOURCE = Path(__file__).resolve().parents[2]
"""The folder that holds ``rldk`` and ``rldk_trl``."""

_LAST_LINES = 3
_UV_CROSS = "\u00d7"  # the sign before each of uv's messages


@dataclass(frozen=True)
class CellJob:
    """What to run in a cell.

    ``root``: the folder where pytest runs and that holds ``.matrix``. ``python``: the interpreter of the cell's own
    environment. ``own``: the requirement that installs rldk-trl. ``install``: more arguments of ``uv pip install``,
    under the lock's constraints. ``sources``: files and folders under ``root`` that the result depends on.
    ``base_env``: the whole environment to start from. ``env`` overrides it and the usual variables. ``device``: the
    name of the accelerator, in a world that needs one.
    """

    cell: Cell
    root: Path
    python: Path
    uv: str
    tests: tuple[str, ...]
    own: str
    install: tuple[str, ...]
    args: tuple[str, ...]
    sources: tuple[str, ...]
    base_env: Mapping[str, str]
    env: Mapping[str, str]
    timeout_s: float
    constraints: Path = CONSTRAINTS
    device: str = ""


def run_cell(job: CellJob, digest: str | None = None) -> CellResult:
    """Run a cell and write its result. The result of an earlier run is removed first.

    Args:
        job: what to run.
        digest: `result_digest` of the job, if the caller already has it.

    Raises:
        RunError: a named source or test does not exist.
    """
    start = time.monotonic()
    files = result_files(job.root, job.cell.id)
    files.remove()
    files.log.parent.mkdir(parents=True, exist_ok=True)
    digest = digest or result_digest(job)
    env = cell_environment(job.cell, job.base_env, job.env)
    spent = {"install": 0.0, "test": 0.0}
    seen = _observe(job, files, env, start + job.timeout_s, spent)
    verdict = classify(job.cell.expectation, seen)
    result = CellResult(
        cell=job.cell.id,
        trl=job.cell.release.version,
        lane=job.cell.lane.name,
        world=job.cell.world.name,
        device=job.device,
        status=verdict.status,
        phase=verdict.phase,
        reason=verdict.reason,
        duration_s=round(time.monotonic() - start, 2),
        packages=_installed(job, env),
        **({"tests": seen.report.counts} if seen.report else {}),
        digest=digest,
        args=job.args,
        install_s=round(spent["install"], 2),
        pytest_s=round(spent["test"], 2),
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    write_result(job.root, result)
    return result


def result_digest(job: CellJob) -> str:
    """Return the SHA-256 of everything that a result depends on.

    Raises:
        RunError: a named source or test does not exist.
    """
    lock = lock_path(job.cell, job.constraints)
    try:
        sources = tree_digest(job.root, [str(path.relative_to(job.root)) for path in own_inputs(job)])
        ours = tree_digest(SOURCE, [str(path.relative_to(SOURCE)) for path in our_inputs(job)])
    except FileNotFoundError as error:
        raise RunError(f"{job.cell.id}: {error}; correct `tests` or `sources` in noxfile.py") from None
    parts = [
        inputs_digest(job.cell),
        lock.read_text(encoding="utf-8") if lock.exists() else "",
        repr(job.cell.expectation),
        sources,
        ours,
        platform.platform(),
        repr((job.tests, job.install, job.args, sorted(job.env.items()))),
    ]
    world = job.cell.world
    if world.name != SINGLE:
        parts.append(repr((world.name, world.device, job.device, world.extra.build if world.extra else None)))
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def own_inputs(job: CellJob) -> list[Path]:
    """Return the caller's files and folders that a cell depends on: its tests, their conftests, its sources."""
    return [*(job.root / place for place in job.sources), *_tests(job)]


def our_inputs(job: CellJob) -> list[Path]:
    """Return the modules of this project that a cell's tests can reach."""
    return _reachable(tuple(test for test in _tests(job) if test.exists()))


def _tests(job: CellJob) -> list[Path]:
    """Return the tests, and the ``conftest.py`` of each folder above them, which pytest loads too."""
    tests = [job.root / test.partition("::")[0] for test in job.tests]
    above = {folder / "conftest.py" for test in tests for folder in test.parents if folder.is_relative_to(job.root)}
    return [*tests, *sorted(conftest for conftest in above if conftest.is_file())]


@functools.cache  # a serial run calls this for each of two hundred cells
def _reachable(tests: tuple[Path, ...]) -> list[Path]:
    return reachable_files(SOURCE, tests)


def _observe(
    job: CellJob, files: ResultFiles, env: Mapping[str, str], deadline: float, spent: dict[str, float]
) -> Observed:
    """Run the cell's phases, and add the seconds of uv's and pytest's processes to ``spent``."""
    cell = job.cell
    phase: Phase = "resolve"
    try:
        if cell.expectation.phase == "resolve":
            # There is no lock: the cell is declared as not resolvable.
            resolve(cell, job.uv, uv_environment(job.base_env))
            return Observed("resolve")
        read_lock(cell, job.constraints)
        phase = "install"
        lock, more = lock_path(cell, job.constraints), (job.own, *job.install)
        with tempfile.TemporaryDirectory(prefix="rldk-trl-") as folder:
            rest = Path(folder) / lock.name
            for command, besides in install_commands(cell, lock, job.uv, job.python, more, rest):
                code, output = _run(job, files, {**env, **besides}, command, deadline, spent, phase)
                if code != 0:
                    return Observed("install", problem=_uv_problem(output))
        phase = "test"
        command = [str(job.python), "-m", "pytest", *job.tests, f"--junitxml={files.junit}", *job.args]
        code, output = _run(job, files, env, command, deadline, spent, phase)
    except TimeoutError:
        return Observed(phase, timed_out=True, problem=f"not done within the cell's limit of {job.timeout_s:.0f} s")
    except RldkTrlError as error:
        if isinstance(error, ResolutionError):
            files.log.write_text(f"{error}\n", encoding="utf-8")
        return Observed(phase, problem=str(error))
    return _tested(code, output, files.junit)


def _tested(code: int, output: str, junit: Path) -> Observed:
    """Return what pytest's exit code and report show."""
    failure = read_import_failure(output) if code == IMPORT_FAILED else None
    if failure is not None:
        return Observed("import", problem=failure)
    last_lines = "\n".join(output.splitlines()[-_LAST_LINES:])
    try:
        return Observed("test", exit_code=code, report=read_junit(junit), last_lines=last_lines)
    except JUnitError as error:
        # If pytest did not get to its report, the exit code says more than the missing file.
        problem = None if code < 0 or code > 1 else str(error)
        return Observed("test", problem=problem, exit_code=code, last_lines=last_lines)


def _run(
    job: CellJob,
    files: ResultFiles,
    env: Mapping[str, str],
    command: list[str],
    deadline: float,
    spent: dict[str, float],
    phase: Phase,
) -> tuple[int, str]:
    start = time.monotonic()
    try:
        return run_logged(command, cwd=job.root, env=env, log=files.log, timeout_s=deadline - start)
    finally:
        spent[phase] += time.monotonic() - start


def _uv_problem(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    for index, line in enumerate(lines):
        if line.startswith(("error:", _UV_CROSS)):
            return one_line(" ".join(lines[index:]).removeprefix("error:").lstrip(f"{_UV_CROSS} "))
    return one_line(lines[-1]) if lines else "uv failed without a message"


def _installed(job: CellJob, env: Mapping[str, str]) -> dict[str, str]:
    listed = subprocess.run(
        [job.uv, "pip", "list", "--python", str(job.python), "--format", "json"],
        capture_output=True,
        text=True,
        check=False,
        env=dict(env),
    )
    if listed.returncode != 0:
        return {}
    return {package["name"]: package["version"] for package in json.loads(listed.stdout)}
