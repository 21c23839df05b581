"""``python -m rldk_trl``."""

from __future__ import annotations

import json
import sys
import types

import pytest

from rldk_trl import cli
from rldk_trl.matrix.cells import all_cells
from rldk_trl.matrix.loader import load_matrix


def error_line(capsys) -> str:
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    return err


def test_releases(capsys):
    assert cli.main(["releases"]) == 0
    header, *rows = capsys.readouterr().out.splitlines()
    assert header.split() == ["TRL", "date", "API", "lanes", "expected"]
    assert [row.split()[0] for row in rows] == [release.version for release in load_matrix().releases]
    assert ["1.16.0", "2026-10-15", "none", "period", "no-ppo"] in [row.split() for row in rows]


def test_constraints(capsys):
    assert cli.main(["constraints", "0.23.0"]) == 0
    assert "\ntrl==0.23.0\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["constraints", "0.24.0"], "no cell '0.24.0'; nearest: 0.23.0, 0.26.2"),
        (["constraints", "0.23.0", "--lane", "nolane"], "no cell '0.23.0-nolane'"),
        (["constraints", "x"], "no cell 'x'; nearest: "),
    ],
)
def test_unknown_release(capsys, argv, said):
    assert cli.main(argv) == 2
    assert said in error_line(capsys)


def test_lock_outside_a_checkout(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(cli, "checkout_root", lambda: tmp_path)
    assert cli.main(["lock"]) == 2
    assert "source checkout" in error_line(capsys)


def test_report_is_written_where_one_stands(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["report"]) == 0
    assert capsys.readouterr().out.splitlines() == [".matrix/report.json", ".matrix/report.md"]
    assert len(json.loads((tmp_path / ".matrix" / "report.json").read_text())["cells"]) == len(
        all_cells(load_matrix())
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
        "tested: yes, a row of the matrix passed",
        "warning: no PPO since 1.13.0",
        "recommendation: pin trl<1.13",
    ]


@pytest.mark.usefixtures("_stub_library")
def test_check_json(capsys):
    assert cli.main(["check", "--json", "1.16.0"]) == 0
    assert json.loads(capsys.readouterr().out) == ANSWER
