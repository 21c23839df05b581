"""How far a run is, and the table that ends one in which not all is as declared."""

from __future__ import annotations

import json
import os
from multiprocessing import Process

import pytest

from rldk_trl.runner import progress
from rldk_trl.runner.progress import CellEnd, begin, ended, ends_of_run, failures_table, line, selected, started

CELLS = {"0.12.2": ["smoke", "period"], "0.23.0": ["smoke", "period"], "0.23.0-today": ["today"], "1.0.0": ["period"]}


@pytest.fixture(autouse=True)
def no_outer_run(monkeypatch):
    monkeypatch.delenv(progress.RUN_VARIABLE, raising=False)
    monkeypatch.delenv(progress.TOTAL_VARIABLE, raising=False)


@pytest.mark.parametrize(
    ("argv", "chosen"),
    [
        ([], list(CELLS)),
        (["-s", "trl_matrix", "-j", "2"], list(CELLS)),
        (["-t", "smoke"], ["0.12.2", "0.23.0"]),
        (["--tags", "smoke", "today", "-j", "2"], ["0.12.2", "0.23.0", "0.23.0-today"]),
        (["-s", "trl_matrix(0.23.0)"], ["0.23.0"]),
        (["-s", "trl_matrix(cell='0.23.0')", "trl_matrix(1.0.0)"], ["0.23.0", "1.0.0"]),
        (["-s", "trl_matrix", "--", "-t", "x", "-s", "nothing"], list(CELLS)),
        (["-s", "tests"], []),
        (["-k", "smoke and not today"], ["0.12.2", "0.23.0"]),
        (["-t", "period", "--keywords", "trl_matrix and not smoke"], ["1.0.0"]),
        (["-k", "smoke and"], list(CELLS)),
        (["-s", "trl_matrix", "--", "-k", "smoke"], list(CELLS)),
    ],
)
def test_what_nox_selects(argv, chosen):
    assert selected("trl_matrix", CELLS, argv) == chosen


def test_only_the_first_process_opens_a_run(tmp_path):
    assert begin(tmp_path, "trl_matrix", CELLS, ["-t", "smoke"]) is True
    assert begin(tmp_path, "trl_matrix", CELLS, []) is False
    assert os.environ[progress.TOTAL_VARIABLE] == "2"
    assert not list(tmp_path.rglob("*.jsonl")), "nothing is written where no cell runs"


def test_the_line_says_done_failed_running_and_left():
    events = [
        {"event": "start", "cell": "0.12.2", "time": 100.0},
        {"event": "start", "cell": "0.23.0", "time": 100.0},
        {"event": "end", "cell": "0.12.2", "time": 160.0, "declared": False, "ran": True},
    ]
    assert line(events, 4, 160.0) == ("1 of 4 cells done; 1 not as declared; running 0.23.0; about 3 min 0 s left")
    assert line(events[2:], 1, 160.0) == "1 of 1 cells done; 1 not as declared"


def test_time_left_is_not_told_by_cells_that_did_not_run():
    events = [{"event": "end", "cell": "0.12.2", "time": 100.0, "declared": True, "ran": False}]
    assert line(events, 4, 100.0) == "1 of 4 cells done; 0 not as declared"


def _cell(number: int) -> None:
    started(f"c{number}")
    ended(CellEnd(f"c{number}", "pass", True, True))


def test_events_of_several_processes_are_whole_lines(tmp_path):
    begin(tmp_path, "trl_matrix", CELLS, [])
    processes = [Process(target=_cell, args=(number,)) for number in range(12)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    (path,) = tmp_path.rglob("*.jsonl")
    assert len([json.loads(text) for text in path.read_text().splitlines()]) == 24
    assert {end.cell for end in ends_of_run()} == {f"c{number}" for number in range(12)}


def test_the_table_names_cell_phase_error_log_and_command():
    ends = [
        CellEnd("0.12.2", "pass", True, True),
        CellEnd("0.23.0", "fail", False, True, "test", "test_a: " + "word " * 40, ".matrix/results/0.23.0.log"),
        CellEnd("1.0.0", "timeout", False, True, "install", None, ".matrix/results/1.0.0.log"),
    ]
    table = failures_table(ends, "trl_matrix")
    assert len(table) == 3
    assert table[0].split() == ["cell", "status", "phase", "error", "log", "rerun"]
    assert table[1].startswith("0.23.0  fail     test     test_a: word")
    assert table[1].endswith('.matrix/results/0.23.0.log  nox -s "trl_matrix(0.23.0)"')
    assert "0.12.2" not in "\n".join(table)
    assert failures_table(ends[:1], "trl_matrix") == []


def test_old_runs_are_removed(tmp_path, monkeypatch):
    folder = tmp_path / ".matrix/runs"
    folder.mkdir(parents=True)
    for number in range(30):
        (folder / f"{number:03}.jsonl").write_text("")
    begin(tmp_path, "trl_matrix", CELLS, [])
    started("0.12.2")
    assert len(list(folder.iterdir())) == 21
