"""Cells dealt out to machines."""

from __future__ import annotations

import json
import shlex

import pytest

from rldk_trl import cli
from rldk_trl.errors import CommandError
from rldk_trl.matrix.cells import all_cells
from rldk_trl.matrix.loader import load_matrix
from rldk_trl.report.shards import MOST_JOBS, make_shards
from rldk_trl.runner.results import CellResult, write_result
from synthetic_run import synthetic_matrix


@pytest.fixture
def cells(tmp_path):
    return all_cells(synthetic_matrix(tmp_path))


@pytest.mark.parametrize("count", [1, 2, 3, 7, 10, 11, MOST_JOBS])
def test_every_cell_is_in_one_shard_and_no_shard_is_empty(cells, count):
    shards = make_shards(cells, count, {})
    assert sorted(cell for shard in shards for cell in shard.cells) == sorted(cell.id for cell in cells)
    assert len(shards) == min(count, len(cells))
    assert all(shard.cells for shard in shards)
    assert max(len(shard.cells) for shard in shards) - min(len(shard.cells) for shard in shards) <= 1
    assert shards == make_shards(cells, count, {})


def test_loads_are_balanced_by_what_is_known(cells):
    durations = {cell.id: 10.0 for cell in cells} | {cells[0].id: 70.0, cells[5].id: 50.0}
    shards = make_shards(cells, 3, durations)
    assert sorted(shard.seconds for shard in shards) == [60.0, 70.0, 70.0]
    order = [cell.id for cell in cells]
    assert all(list(shard.cells) == sorted(shard.cells, key=order.index) for shard in shards)


def test_an_unknown_cell_lasts_as_long_as_the_median(cells):
    shards = make_shards(cells, 1, {cells[0].id: 10.0, cells[1].id: 20.0, cells[2].id: 300.0})
    assert shards[0].seconds == 330.0 + 20.0 * (len(cells) - 3)


@pytest.mark.parametrize("count", [0, -1, MOST_JOBS + 1])
def test_a_count_that_cannot_be_had(cells, count):
    with pytest.raises(CommandError, match=rf"^--shards {count}: write a number from 1 to 256"):
        make_shards(cells, count, {})


def test_command_feeds_a_job_matrix(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["matrix", "--json", "--shards", "5", "--tag", "period", "--releases", ">=0.12,<1.13"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    jobs = json.loads(line)["include"]
    chosen = [
        cell.id
        for cell in all_cells(load_matrix())
        if "period" in cell.tags and cell.release.version >= "0.12.0" and cell.release.api == "train"
    ]
    assert sorted(cell for job in jobs for cell in job["cells"].split()) == sorted(chosen)
    assert [job["shard"] for job in jobs] == [1, 2, 3, 4, 5]
    for job in jobs:
        assert shlex.split(job["sessions"]) == [f"trl_matrix({cell})" for cell in job["cells"].split()]


def test_command_knows_durations_from_results_here_but_not_of_a_part(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    base = {"lane": "period", "status": "pass", "phase": None, "reason": None}
    write_result(tmp_path, CellResult(cell="0.23.0", trl="0.23.0", duration_s=100.0, **base))
    write_result(tmp_path, CellResult(cell="0.26.2", trl="0.26.2", duration_s=1.0, args=("-k", "x"), **base))
    argv = ["matrix", "--tag", "period", "--releases", "==0.23.0,!=0.1", "--json"]
    assert cli.main(argv) == 0
    assert json.loads(capsys.readouterr().out)["include"][0]["seconds"] == 100.0
    assert cli.main(["matrix", "--tag", "period", "--releases", ">=0.23.0,<=0.26.2"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("1: 0.23.0 ")
    count = len(line.partition(": ")[2].partition(" (")[0].split())
    assert line.endswith(f" (about {100 * count} s)")


def test_all_cells_fit_below_the_limit(capsys):
    assert cli.main(["matrix", "--json", "--shards", str(MOST_JOBS)]) == 0
    assert len(json.loads(capsys.readouterr().out)["include"]) <= MOST_JOBS


def test_no_cell(capsys):
    assert cli.main(["matrix", "--releases", "==0.0.5"]) == 2
    assert "no cell matches" in capsys.readouterr().err
