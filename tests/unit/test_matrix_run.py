"""A cell that cannot start: what stays of it. (Cells that run are run for real by ``nox -s trl_matrix``.)"""

from __future__ import annotations

import dataclasses
import os
import sys
from pathlib import Path

import pytest

from rldk_trl.errors import RunError
from rldk_trl.matrix.cells import find_cell
from rldk_trl.matrix.loader import load_matrix
from rldk_trl.runner.cell import CellJob, result_digest, run_cell
from rldk_trl.runner.results import read_result, result_files
from rldk_trl.runner.uv_tool import find_uv


@pytest.fixture
def job(tmp_path) -> CellJob:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_a.py").write_text("def test_a(): pass\n")
    (tmp_path / "constraints").mkdir()
    return CellJob(
        cell=find_cell(load_matrix(), "0.23.0"),
        root=tmp_path,
        python=Path(sys.executable),
        uv=find_uv(),
        tests=("tests/test_a.py::test_a",),
        own=".",
        install=(),
        args=(),
        sources=(),
        base_env={**os.environ, "UV_TORCH_BACKEND": "cpu"},
        env={},
        timeout_s=60.0,
        constraints=tmp_path / "constraints",
    )


def test_missing_lock_is_an_error_result_and_nothing_old_stays(job, tmp_path):
    files = result_files(tmp_path, "0.23.0")
    files.json.parent.mkdir(parents=True)
    for path in (files.json, files.junit, files.log):
        path.write_text("of an earlier run")
    result = run_cell(job)
    assert (result.status, result.phase) == ("error", "resolve")
    assert "run `python -m rldk_maintenance lock 0.23.0`" in str(result.reason)
    assert read_result(tmp_path, "0.23.0") == result
    assert not files.junit.exists()


def test_missing_tests_leave_no_result(job, tmp_path):
    files = result_files(tmp_path, "0.23.0")
    files.json.parent.mkdir(parents=True)
    files.json.write_text("of an earlier run")
    with pytest.raises(RunError, match=r"0\.23\.0: nothing is not in .*; correct `tests` or `sources`"):
        run_cell(dataclasses.replace(job, tests=("nothing",)))
    assert not files.json.exists()


def test_digest_knows_what_the_result_depends_on(job, tmp_path):
    first = result_digest(job)
    assert result_digest(dataclasses.replace(job, own="elsewhere", base_env={})) == first
    others = [
        result_digest(dataclasses.replace(job, args=("-k", "a"))),
        result_digest(dataclasses.replace(job, env={"A": "1"})),
        result_digest(dataclasses.replace(job, install=("peft",))),
        result_digest(dataclasses.replace(job, cell=find_cell(load_matrix(), "1.0.0"))),
    ]
    for folder in ("tests", "."):  # pytest loads both
        (tmp_path / folder / "conftest.py").write_text("")
        others.append(result_digest(job))
    ddp = dataclasses.replace(job, cell=find_cell(load_matrix(), "0.23.0-ddp"))
    others += [result_digest(ddp), result_digest(dataclasses.replace(ddp, device="one"))]
    (tmp_path / "constraints" / "0.23.0.txt").write_text("trl==0.23.0\n")
    others.append(result_digest(job))
    (tmp_path / "tests" / "test_a.py").write_text("def test_a(): assert 1\n")
    others.append(result_digest(job))
    assert len({first, *others}) == 11
