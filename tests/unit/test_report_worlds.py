"""Worlds in the report, the command line and the choice of cells."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from test_matrix_worlds import DDP, EXTRA, ZERO
from test_page_content import Page

from rldk_trl import cli
from rldk_trl.matrix.cells import Cell, all_cells, find_cell
from rldk_trl.matrix.loader import load_matrix
from rldk_trl.report import write_reports
from rldk_trl.report.badge import render_badge
from rldk_trl.report.rows import report_rows
from rldk_trl.runner.results import CellResult, read_result
from synthetic_run import BLOCKS, RELEASES, TOP, synthetic_result, write_synthetic


@pytest.fixture
def cells(tmp_path) -> list[Cell]:
    lines = "".join(f'"{version}" = {{ {line} }}\n' for version, line in RELEASES.items())
    (tmp_path / "rows.toml").write_text(f"{TOP}{DDP}{EXTRA}{ZERO}[releases]\n{lines}{BLOCKS}", encoding="utf-8")
    return all_cells(load_matrix(tmp_path / "rows.toml"))


def ddp_result(version: str, **changes) -> CellResult:
    return dataclasses.replace(synthetic_result(version), cell=f"{version}-ddp", world="ddp", **changes)


def written(root: Path, cells: list[Cell], suffix: str) -> str:
    write_reports(root, cells)
    return (root / f".matrix/report.{suffix}").read_text(encoding="utf-8")


def test_worlds_without_results_are_not_in_the_report(tmp_path, cells):
    write_synthetic(tmp_path, synthetic_result("0.23.0"))
    names = [row["cell"] for row in json.loads(written(tmp_path, cells, "json"))["cells"]]
    assert names == [cell.id for cell in cells if cell.world.name == "single"]
    assert "world" not in written(tmp_path, cells, "md")
    page = written(tmp_path, cells, "html")
    assert "ddp" not in page
    assert "zero2" not in page


def test_a_world_with_a_result_is_a_column_beside_the_lanes(tmp_path, cells):
    write_synthetic(tmp_path, synthetic_result("0.23.0"), ddp_result("0.23.0", device="GPU 1"))
    rows = {row["cell"]: row for row in json.loads(written(tmp_path, cells, "json"))["cells"]}
    assert [name for name in rows if "-" in name and "today" not in name] == [
        f"{version}-ddp" for version in ("0.4.7", "0.11.4", "0.23.0", "0.26.2")
    ]
    assert (rows["0.23.0-ddp"]["lane"], rows["0.23.0-ddp"]["world"]) == ("period", "ddp")
    lines = written(tmp_path, cells, "md").splitlines()
    assert "| TRL | lane | world | API | transformers | torch | status | expected | duration | reason |" in lines
    assert any(line.startswith("| 0.23.0 | period | ddp | train |") for line in lines)
    page = Page(written(tmp_path, cells, "html"))
    columns = [one["attrs"]["data-lane"] for one in page.all("th", scope="colgroup")]
    assert columns == ["period", "today", "ddp"]
    links = {one["attrs"]["href"]: one["attrs"]["aria-label"] for one in page.all("a", **{"aria-label": ", ddp"})}
    assert links["#cell-0.23.0-ddp"] == "0.23.0, ddp: pass"
    assert "#cell-1.16.0-ddp" not in links
    (panel,) = [one for one in page.all("tr", id="cell-0.23.0-ddp") if one["attrs"]["data-lane"] == "ddp"]
    assert "python -m rldk_trl constraints 0.23.0 --world ddp" in panel["text"]
    assert "DeviceGPU 1" in panel["text"]
    strips = [one["text"] for one in page.all("span", **{"class": "lane"})]
    assert strips.count("ddp") == strips.count("period") - 1  # not for the releases without PPO


def test_the_badge_counts_the_world_single_and_is_red_for_all(tmp_path, cells):
    write_synthetic(tmp_path, *map(synthetic_result, ("0.4.7", "0.23.0", "0.26.2")))
    before = render_badge(report_rows(tmp_path, cells))
    write_synthetic(tmp_path, ddp_result("0.23.0", status="fail"))
    after = render_badge(report_rows(tmp_path, cells))
    assert "3 of 4 releases" in before
    assert "3 of 4 releases" in after
    assert "#b62324" in after
    assert "#b62324" not in before


def test_a_result_of_an_older_rldk_trl_is_of_the_world_single(tmp_path):
    write_synthetic(tmp_path, synthetic_result("0.23.0"))
    path = tmp_path / ".matrix/results/0.23.0.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    del content["world"], content["device"]
    path.write_text(json.dumps(content), encoding="utf-8")
    result = read_result(tmp_path, "0.23.0")
    assert (result.world, result.device) == ("single", "")


def test_matrix_splits_the_cells_of_the_worlds_that_are_asked_for(capsys):
    assert cli.main(["matrix", "--tag", "smoke", "--releases", "==0.23.0"]) == 0
    assert cli.main(["matrix", "--world", "ddp", "--world", "zero2", "--tag", "smoke", "--releases", "==0.23.0"]) == 0
    single, worlds = capsys.readouterr().out.splitlines()
    assert single.startswith("1: 0.23.0 (")
    assert worlds.startswith("1: 0.23.0-ddp 0.23.0-zero2 (")


def test_constraints_of_a_world(capsys):
    assert cli.main(["constraints", "0.23.0", "--world", "zero3"]) == 0
    assert "\ndeepspeed==" in capsys.readouterr().out
    assert cli.main(["constraints", "0.23.0", "--world", "ddp"]) == 0
    assert "deepspeed" not in capsys.readouterr().out
    assert cli.main(["constraints", "0.23.0", "--lane", "today", "--world", "zero3"]) == 2
    assert "--world zero3 is in lane period; leave --lane out" in capsys.readouterr().err
    assert cli.main(["constraints", "0.23.1", "--world", "zero3"]) == 2
    assert "no cell '0.23.1-zero3'; nearest: 0.23.0, 0.23.1, 0.23.1-today, 0.23.1-ddp" in capsys.readouterr().err


def test_releases_shows_the_worlds(capsys):
    assert cli.main(["releases"]) == 0
    lines = {line.split()[0]: line.split()[3:] for line in capsys.readouterr().out.splitlines()}
    assert lines["TRL"] == ["period", "today", "ddp", "zero2", "zero3", "gpu"]
    assert lines["0.24.0"][2:] == ["pass", "-", "-", "-"]
    assert lines["1.16.0"][2:] == ["-"] * 4
    assert find_cell(load_matrix(), "0.23.0-gpu").world.device == "nvidia"
