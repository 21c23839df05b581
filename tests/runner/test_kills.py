"""`kill -9` at random moments, Ctrl-C, a full disk: no wrong result, no half file, and the next run completes."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from conftest import TESTS, Project, command_of

pytestmark = pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs /proc to find the processes to kill")

CELLS = 2
KILLS = 24


def victims(project: Project, kind: str) -> list[int]:
    """The processes of one kind that a run of the project has at this moment."""
    found = []
    for pid in project.processes():
        command = [*command_of(pid), "", "", ""]
        if kind == "uv":
            told = Path(command[0]).name == "uv"
        else:
            told = command[1:3] == ["-m", {"nox": "nox", "cell": "pytest"}[kind]]
        if told:
            found.append(pid)
    return found


def wait_until_gone(project: Project) -> None:
    deadline = time.monotonic() + 60
    while project.processes():
        assert time.monotonic() < deadline, f"still running: {[command_of(pid) for pid in project.processes()]}"
        time.sleep(0.05)


def test_kills_at_random_moments(project):
    """Each of nox, a cell's pytest and uv, killed in turn while cells run; what stays is checked every time."""
    chance = random.Random(20261122)
    code, output = project.run("-j", "2")
    assert code == 0, output
    landed = {"nox": 0, "cell": 0, "uv": 0}
    for number in range(KILLS * 3):
        if sum(landed.values()) >= KILLS:
            break
        kind = ["nox", "cell", "uv"][number % 3]
        process = project.start("-j", "2", "--", "--fresh")
        deadline = time.monotonic() + chance.uniform(0.1, 2.5)
        found: list[int] = []
        while process.poll() is None and (time.monotonic() < deadline or not found):
            found = victims(project, kind) or found
            if found and time.monotonic() >= deadline:
                break
            time.sleep(0.01)
        for pid in victims(project, kind)[:1]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                landed[kind] += 1
        with contextlib.suppress(ProcessLookupError):
            if kind == "nox":
                os.killpg(process.pid, signal.SIGKILL)  # as a terminal that is closed by force
        output, _ = process.communicate(timeout=300)
        wait_until_gone(project)
        for cell, status in project.statuses().items():
            assert status in ("no-ppo", "error", "fail"), f"{cell}: {status}\n{output}"
            log = project.results / f"{cell}.log"
            if status == "no-ppo":  # only where pytest came to its end
                assert "1 passed" in log.read_text(encoding="utf-8")
    assert sum(landed.values()) >= KILLS, landed
    assert all(landed.values()), landed

    code, output = project.run()
    assert code == 0, output
    assert project.statuses() == dict.fromkeys(project.statuses(), "no-ppo")
    assert len(project.statuses()) == CELLS
    assert [path.name for path in project.results.iterdir() if path.name.endswith(".tmp")] == []


HOLDS = f"""{TESTS}
    from pathlib import Path
    if importlib.metadata.version("trl") == "1.16.0" and Path("hold").exists():
        Path("held").touch()
        time.sleep(600)
"""


def test_ctrl_c_ends_promptly_and_the_next_run_goes_on(project):
    (project.root / "test_mine.py").write_text(HOLDS)
    hold, held = project.root / "hold", project.root / "held"
    hold.touch()
    process = project.start("-j", "2")
    deadline = time.monotonic() + 60
    while not (project.statuses() and held.exists()) and time.monotonic() < deadline:
        time.sleep(0.05)
    done = project.statuses()
    assert set(done) == {"1.15.0"}
    assert held.exists()
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=60)  # against a hang: by itself the other cell would take ten minutes
    wait_until_gone(project)
    assert set(done) <= set(project.statuses())
    hold.unlink()
    code, output = project.run()
    assert code == 0, output
    for cell in done:
        assert f"{cell}: not run again: no-ppo" in output
    assert len(project.statuses()) == CELLS


@contextlib.contextmanager
def small_disk(folder: Path, size: str):
    """A file system of its own on ``folder``; needs root, as CI and containers have it."""
    folder.mkdir(parents=True, exist_ok=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip(f"cannot mount a small file system here: {mounted.stderr.decode().strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_is_said_and_leaves_no_result(project):
    with small_disk(project.root / ".matrix", "4k"):
        code, output = project.run()
        assert code != 0
        assert "No space left on device" in output
        assert "Traceback" not in output
        assert project.statuses() == {}
    code, output = project.run()
    assert code == 0, output


def test_a_results_folder_that_is_read_only_is_said(project):
    folder = project.root / ".matrix"
    with small_disk(folder, "1m"):
        subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
        code, output = project.run()
        assert code != 0
        assert "Read-only file system" in output
        assert "Traceback" not in output
    code, output = project.run()
    assert code == 0, output
