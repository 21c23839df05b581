"""``python -m rldk_trl``."""

from __future__ import annotations

import json
import sys
import types

import pytest

from rldk_trl import cli
from rldk_trl.matrix.cells import all_cells, cells_in_worlds
from rldk_trl.matrix.loader import load_matrix
from rldk_trl.matrix.schema import SINGLE


def error_line(capsys) -> str:
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    return err


def test_releases(capsys):
    assert cli.main(["releases"]) == 0
    header, *rows = capsys.readouterr().out.splitlines()
    assert header.split() == ["TRL", "date", "API", "period", "today", "ddp", "zero2", "zero3", "gpu"]
    assert [row.split()[0] for row in rows] == [release.version for release in load_matrix().releases]
    words = [row.split() for row in rows]
    assert ["1.16.0", "2026-10-15", "none", "no-ppo", "no-ppo", "-", "-", "-", "-"] in words
    assert ["0.1.0", "2022-05-15", "none", "listed", "listed", "-", "-", "-", "-"] in words
    assert ["0.7.11", "2024-02-16", "step", "pass", "xfail", "pass", "-", "-", "-"] in words


@pytest.mark.parametrize(
    ("argv", "transformers"),
    [(["0.23.0"], "4.56.2"), (["0.23.0", "--lane", "period"], "4.56.2"), (["0.23.0", "--lane", "today"], "5.23.0")],
)
def test_constraints(capsys, argv, transformers):
    assert cli.main(["constraints", *argv]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert {"trl==0.23.0", f"transformers=={transformers}"} <= set(lines)
    assert all(line.startswith("#") or line.count("==") == 1 for line in lines)


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["constraints", "0.24.9"], "no cell '0.24.9'; nearest: 0.24.0, 0.25.0"),
        (["constraints", "0.1.0"], "0.1.0 is only listed and is not run: older than PPOTrainer"),
        (["constraints", "0.1.9"], "no cell '0.1.9'; nearest: 0.2.0"),
        (["constraints", "0.23.0", "--lane", "nolane"], "no cell '0.23.0-nolane'"),
        (["constraints", "x"], "no cell 'x'; nearest: "),
    ],
)
def test_unknown_release(capsys, argv, said):
    assert cli.main(argv) == 2
    assert said in error_line(capsys)


def test_report_is_written_where_one_stands(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["report"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        ".matrix/report.json",
        ".matrix/report.md",
        ".matrix/badge.svg",
        ".matrix/report.html",
    ]
    assert len(json.loads((tmp_path / ".matrix" / "report.json").read_text())["cells"]) == len(
        cells_in_worlds(all_cells(load_matrix()), [SINGLE])
    )


def test_report_with_a_broken_result(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    broken = tmp_path / ".matrix" / "results" / "0.23.0.json"
    broken.parent.mkdir(parents=True)
    broken.write_text("{")
    assert cli.main(["report"]) == 2
    assert "0.23.0.json: not a result" in error_line(capsys)


@pytest.mark.parametrize("argv", [[], ["nonsense"], ["constraints"]])
def test_usage_errors_exit_with_2(argv, capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main(argv)
    assert caught.value.code == 2
    assert "error: " in capsys.readouterr().err


ANSWER = {
    "trl_available": False,
    "version": "1.16.0",
    "warnings": ["no PPO since 1.13.0"],
    "recommendations": ["pin trl<1.13"],
    "ppo_available": False,
    "ppo_api": None,
    "ppo_module": None,
    "tested": True,
}


@pytest.fixture
def _stub_library(monkeypatch):
    # Stands in for the library: what it answers about a release is tested with it, here only how it is shown.
    stub = types.ModuleType("rldk.integrations.trl")
    stub.check_trl_compatibility = lambda version: {**ANSWER, "version": version or "0.23.0"}
    monkeypatch.setitem(sys.modules, "rldk.integrations.trl", stub)


@pytest.mark.usefixtures("_stub_library")
def test_check(capsys):
    assert cli.main(["check", "1.16.0"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "TRL:    1.16.0 (not installed)",
        "PPO:    none",
        "tested: yes, it passed in the matrix",
        "warning: no PPO since 1.13.0",
        "recommendation: pin trl<1.13",
    ]


@pytest.mark.usefixtures("_stub_library")
def test_check_json(capsys):
    assert cli.main(["check", "--json", "1.16.0"]) == 0
    assert json.loads(capsys.readouterr().out) == ANSWER
