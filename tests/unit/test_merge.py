"""Results of several machines in one folder: whatever the order, and nothing lost in silence."""

from __future__ import annotations

import dataclasses
import itertools
import os
from pathlib import Path

import pytest

from rldk_trl import cli
from rldk_trl.errors import ResultError
from rldk_trl.report import write_reports
from rldk_trl.report.merge import merge_results
from rldk_trl.runner.results import result_files
from synthetic_run import STATUSES, synthetic_result, write_synthetic, write_synthetic_run


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def write_machines(root: Path, count: int = 3) -> list[Path]:
    machines = [root / f"machine {number}" for number in range(count)]
    for number, cell in enumerate(STATUSES):
        write_synthetic(machines[number % count], synthetic_result(cell))
    return machines


def test_shards_merged_are_the_whole_run(tmp_path):
    whole = tmp_path / "whole"
    whole.mkdir()
    matrix, cells = write_synthetic_run(whole)
    merge_results(write_machines(tmp_path), tmp_path / "merged" / ".matrix")
    assert content(tmp_path / "merged/.matrix/results") == content(whole / ".matrix/results")
    for root in (whole, tmp_path / "merged"):
        write_reports(root, cells, listed=matrix.listed)
    assert content(tmp_path / "merged/.matrix") == content(whole / ".matrix")


def test_the_order_is_nothing(tmp_path):
    machines = write_machines(tmp_path)
    seen = []
    for number, order in enumerate(itertools.permutations(machines)):
        into = tmp_path / f"into {number}"
        for machine in order:  # one after the other, as well as all at once
            merge_results([machine], into)
        seen.append(content(into))
        merge_results(order, into)
        seen.append(content(into))
    assert len(seen[0]) == 3 * len(STATUSES)
    assert all(one == seen[0] for one in seen)


@pytest.mark.parametrize("inside", ["", ".matrix", ".matrix/results"])
def test_a_folder_may_be_named_in_three_ways(tmp_path, inside):
    (machine,) = write_machines(tmp_path, 1)
    merged = merge_results([machine / inside], tmp_path / ".matrix")
    assert set(merged.cells) == set(STATUSES)


def test_identical_results_are_one(tmp_path):
    machines = [tmp_path / "one", tmp_path / "two"]
    for machine in machines:
        write_synthetic(machine, synthetic_result("0.23.0"))
    assert merge_results(machines, tmp_path / "into").cells == ("0.23.0",)


@pytest.mark.parametrize("part", ["json", "log", "junit"])
def test_different_results_for_a_cell_are_an_error_and_nothing_is_written(tmp_path, part):
    machines = [*write_machines(tmp_path, 1), tmp_path / "other"]
    write_synthetic(machines[1], synthetic_result("0.23.0"))
    path = getattr(result_files(machines[1], "0.23.0"), part)
    path.write_text(path.read_text(encoding="utf-8") + " ", encoding="utf-8")
    for order in (machines, machines[::-1]):
        with pytest.raises(ResultError, match=r"^0\.23\.0: .* hold different results; .*--newer$"):
            merge_results(order, tmp_path / "into")
    assert not (tmp_path / "into").exists()


def test_what_is_there_takes_part(tmp_path):
    write_synthetic(tmp_path, synthetic_result("0.23.0", status="fail", reason="here"))
    write_synthetic(tmp_path / "other", synthetic_result("0.23.0"))
    before = content(tmp_path / ".matrix")
    with pytest.raises(ResultError, match="hold different results"):
        merge_results([tmp_path / "other"], tmp_path / ".matrix")
    assert content(tmp_path / ".matrix") == before


def test_newer_takes_the_later_from_wherever_it_comes(tmp_path):
    times = ["2026-11-20T09:00:00+00:00", "2026-11-21T09:00:00+00:00", "2026-11-20T23:00:00+00:00"]
    machines = [tmp_path / str(number) for number in range(3)]
    for machine, time in zip(machines, times, strict=True):
        write_synthetic(machine, synthetic_result("0.23.0", finished=time, reason=time))
    for number, order in enumerate(itertools.permutations(machines)):
        into = tmp_path / f"into {number}"
        for machine in order:
            merge_results([machine], into, newer=True)
        assert content(into) == {name.removeprefix(".matrix/"): data for name, data in content(machines[1]).items()}


def test_newer_without_a_time_or_with_equal_times_is_an_error(tmp_path):
    write_synthetic(tmp_path / "one", synthetic_result("0.23.0", finished=""))
    write_synthetic(tmp_path / "two", synthetic_result("0.23.0"))
    write_synthetic(tmp_path / "three", synthetic_result("0.23.0", reason="x"))
    with pytest.raises(ResultError, match="not all have a finish time"):
        merge_results([tmp_path / "one", tmp_path / "two"], tmp_path / "into", newer=True)
    with pytest.raises(ResultError, match="at the same moment"):
        merge_results([tmp_path / "three", tmp_path / "two"], tmp_path / "into", newer=True)


def test_a_stopped_cell_is_named_and_keeps_its_log(tmp_path, capsys):
    (machine,) = write_machines(tmp_path, 1)
    result_files(machine, "0.23.0").json.unlink()
    assert cli.main(["merge", str(machine), "--into", str(tmp_path / "into")]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{tmp_path / 'into'}: results of {len(STATUSES) - 1} cells",
        "0.23.0: stopped, with a log but no result; run it again",
    ]
    assert content(tmp_path / "into/results") == content(machine / ".matrix/results")


def test_a_result_takes_the_place_of_a_stopped_cell_in_any_order(tmp_path):
    machines = [tmp_path / str(number) for number in range(3)]
    for machine in machines:
        write_synthetic(machine, synthetic_result("0.23.0"))
    for number in (0, 1):
        files = result_files(machines[number], "0.23.0")
        files.json.unlink()
        files.log.write_text(f"stopped {number}", encoding="utf-8")
    for count, last in ((2, machines[1]), (3, machines[2])):
        for order in itertools.permutations(machines[:count]):
            into = tmp_path / f"into {'-'.join(one.name for one in order)}"
            for machine in order:
                merge_results([machine], into)
            assert content(into / "results") == content(last / ".matrix/results")


@pytest.mark.parametrize("place", ["nowhere", "empty"])
def test_no_results(tmp_path, capsys, place):
    (tmp_path / "empty").mkdir()
    assert cli.main(["merge", str(tmp_path / place), "--into", str(tmp_path / "into")]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert f"{place}: no results there" in error


def test_a_broken_result_is_one_line_and_nothing_is_written(tmp_path, capsys):
    (machine,) = write_machines(tmp_path, 1)
    result_files(machine, "0.23.0").json.write_text("{", encoding="utf-8")
    assert cli.main(["merge", str(machine), "--into", str(tmp_path / "into")]) == 2
    assert "0.23.0.json: not a result" in capsys.readouterr().err
    assert not (tmp_path / "into").exists()


@pytest.mark.parametrize("there_before", [False, True])
def test_a_failure_while_writing_changes_nothing(tmp_path, monkeypatch, there_before):
    machines = write_machines(tmp_path, 2)
    into = tmp_path / ".matrix"
    if there_before:
        merge_results(machines[:1], into)
    before = content(into) if there_before else {}
    real, written = Path.write_bytes, []

    def full(path, data):
        written.append(path)
        if len(written) == 5:
            raise OSError(28, "No space left on device")
        return real(path, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(ResultError, match="No space left on device"):
        merge_results(machines, into)
    assert content(into) == before
    monkeypatch.undo()
    merge_results(machines, into)
    assert len(content(into)) == 3 * len(STATUSES)


def test_killed_between_two_cells_the_next_merge_completes(tmp_path, monkeypatch):
    machines = write_machines(tmp_path, 2)
    into = tmp_path / ".matrix"
    merge_results(machines[:1], into)
    real, moved = os.replace, []

    def killed(source, target):
        moved.append(target)
        if len(moved) == 5:
            raise KeyboardInterrupt
        real(source, target)

    monkeypatch.setattr(os, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        merge_results(machines, into)
    monkeypatch.undo()
    for path in (into / "results").glob("*.json"):
        assert path.with_suffix(".log").exists(), "a result stands without its log"
    merge_results(machines, into)
    whole = tmp_path / "whole"
    merge_results(machines, whole)
    assert content(into) == content(whole)


def test_an_older_result_is_read_without_its_time(tmp_path):
    result = synthetic_result("0.23.0")
    assert dataclasses.asdict(result)["finished"]
    write_synthetic(tmp_path, result)
    path = result_files(tmp_path, "0.23.0").json
    path.write_text(path.read_text(encoding="utf-8").replace(f',\n  "finished": "{result.finished}"', ""))
    assert "finished" not in path.read_text(encoding="utf-8")
    assert merge_results([tmp_path], tmp_path / "into").cells == ("0.23.0",)
