"""Results and reports are written whole or not at all; a program never outlives its time limit."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from rldk_trl.errors import ResultError
from rldk_trl.files import tree_digest, write_whole
from rldk_trl.runner.junit import TestCounts
from rldk_trl.runner.process import run_logged
from rldk_trl.runner.results import CellResult, read_result, result_files, write_result

RESULT = CellResult(
    cell="0.23.0",
    trl="0.23.0",
    lane="period",
    status="pass",
    phase=None,
    reason=None,
    duration_s=1.5,
    packages={"torch": "2.13.0+cpu"},
    tests=TestCounts(passed=2),
    digest="0" * 64,
)


def test_result_is_read_back(tmp_path):
    path = write_result(tmp_path, RESULT)
    assert path == tmp_path / ".matrix" / "results" / "0.23.0.json"
    assert read_result(tmp_path, "0.23.0") == RESULT
    assert read_result(tmp_path, "1.0.0") is None


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"tests": {}, "args": [], "cell": "0.23.0"}', "\xff"])
def test_a_broken_result_is_one_line(tmp_path, content):
    path = result_files(tmp_path, "0.23.0").json
    path.parent.mkdir(parents=True)
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(ResultError, match=r"0\.23\.0\.json: not a result .*; run the cell again$"):
        read_result(tmp_path, "0.23.0")


def test_result_of_another_cell_is_refused(tmp_path):
    write_result(tmp_path, RESULT).rename(result_files(tmp_path, "1.0.0").json)
    with pytest.raises(ResultError, match=r"not a result of 1\.0\.0"):
        read_result(tmp_path, "1.0.0")


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_failure_while_writing_leaves_nothing(tmp_path, monkeypatch, step, error):
    def fail(*_args):
        raise error

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(error):
        write_whole(tmp_path / "a.json", "x" * 100_000)
    assert list(tmp_path.iterdir()) == []


def test_failure_while_writing_keeps_the_old_file(tmp_path, monkeypatch):
    write_whole(tmp_path / "a.json", "old")
    monkeypatch.setattr(os, "fsync", lambda _fd: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        write_whole(tmp_path / "a.json", "new")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a.json", "old")]


def test_tree_digest(tmp_path):
    (tmp_path / "src" / "constraints").mkdir(parents=True)
    (tmp_path / "src" / "a.py").write_text("1")
    first = tree_digest(tmp_path, ["src"])
    (tmp_path / "src" / "a.pyc").write_text("compiled")
    (tmp_path / "src" / "constraints" / "1.0.0.txt").write_text("a==1")
    assert tree_digest(tmp_path, ["src"]) == first
    (tmp_path / "src" / "a.py").rename(tmp_path / "src" / "b.py")
    renamed = tree_digest(tmp_path, ["src"])
    (tmp_path / "src" / "b.py").write_text("2")
    assert len({first, renamed, tree_digest(tmp_path, ["src"])}) == 3
    with pytest.raises(FileNotFoundError, match="tests is not in"):
        tree_digest(tmp_path, ["tests"])


def run_python(tmp_path, code, timeout_s=30.0):
    log = tmp_path / "log"
    command = [sys.executable, "-c", code]
    return run_logged(command, cwd=tmp_path, env=dict(os.environ), log=log, timeout_s=timeout_s)


def test_output_is_shown_and_logged(tmp_path, capsys):
    code, output = run_python(tmp_path, "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)")
    assert code == 3
    assert sorted(output.split()) == ["err", "out"]
    assert sorted(capsys.readouterr().out.split()) == ["err", "out"]
    assert (tmp_path / "log").read_text().splitlines()[0].startswith("$ ")
    assert {"out", "err"} <= set((tmp_path / "log").read_text().split())


def test_output_that_cannot_be_shown_is_still_logged(tmp_path, monkeypatch):
    with open(os.devnull, "w", encoding="ascii") as closed:
        pass
    monkeypatch.setattr(sys, "stdout", closed)
    code, output = run_python(tmp_path, "print('x' * 1_000_000)")
    assert (code, len(output)) == (0, 1_000_001)


def test_time_limit_kills_the_whole_group(tmp_path):
    code = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60); print(0)'])\n"
        "print(child.pid, flush=True); time.sleep(60); print(0)\n"
    )
    with pytest.raises(TimeoutError):
        run_python(tmp_path, code, timeout_s=1.0)
    last = (tmp_path / "log").read_text().splitlines()[-1]
    assert last != "0", "they came to their own end"
    assert_gone(int(last))


def test_terminated_runner_takes_its_program_along(tmp_path):
    inner = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
    outer = (
        "import os, sys; from pathlib import Path; from rldk_trl.runner.process import run_logged\n"
        f"run_logged([sys.executable, '-c', {inner!r}], cwd=Path('.'), env=dict(os.environ), log=Path('log'),"
        " timeout_s=60)"
    )
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with subprocess.Popen([sys.executable, "-c", outer], cwd=tmp_path, env=env, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 128 + signal.SIGTERM
    assert_gone(pid)


def assert_gone(pid: int) -> None:
    # A killed orphan is a zombie until init has waited for it.
    for _ in range(100):
        state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
        if state.stdout.strip()[:1] in ("", "Z"):
            return
        time.sleep(0.05)
    raise AssertionError(f"process {pid} is still there: {state.stdout}")
