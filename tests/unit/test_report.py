"""The report of the matrix."""

from __future__ import annotations

import dataclasses
import json

import pytest

from rldk_trl.matrix.cells import all_cells, cells_in_worlds
from rldk_trl.matrix.loader import load_matrix
from rldk_trl.matrix.schema import SINGLE
from rldk_trl.report import NOT_RUN, escape_cell, report_rows, write_reports
from rldk_trl.runner.results import CellResult, write_result

RESULT = CellResult(
    cell="0.23.0",
    trl="0.23.0",
    lane="period",
    status="pass",
    phase=None,
    reason=None,
    duration_s=61.4,
    packages={"transformers": "4.56.2", "torch": "2.13.0+cpu"},
)


@pytest.fixture
def cells():
    return all_cells(load_matrix())


def test_every_declared_cell_has_a_row_and_not_run_is_no_pass(tmp_path, cells):
    write_result(tmp_path, RESULT)
    rows = {row.cell: row for row in report_rows(tmp_path, cells)}
    assert list(rows) == [cell.id for cell in cells]
    assert (rows["0.23.0"].status, rows["0.23.0"].as_declared) == ("pass", True)
    others = [row for name, row in rows.items() if name != "0.23.0"]
    assert {(row.status, row.as_declared) for row in others} == {(NOT_RUN, False)}


def test_a_part_of_the_tests_is_not_the_cell(tmp_path, cells):
    write_result(tmp_path, dataclasses.replace(RESULT, args=("-k", "one")))
    row = next(row for row in report_rows(tmp_path, cells) if row.cell == "0.23.0")
    assert not row.as_declared
    write_reports(tmp_path, cells)
    assert "run in part: -k one" in (tmp_path / ".matrix" / "report.md").read_text()


def test_files(tmp_path, cells):
    reason = "a | b\n<script>`x`"
    write_result(tmp_path, dataclasses.replace(RESULT, status="fail", reason=reason))
    paths = write_reports(tmp_path, cells)
    cells = cells_in_worlds(cells, [SINGLE])  # the other worlds have no result
    assert [path.name for path in paths] == ["report.json", "report.md", "badge.svg", "report.html"]
    rows = {row["cell"]: row for row in json.loads(paths[0].read_text())["cells"]}
    assert rows["0.23.0"]["reason"] == reason
    assert rows["0.23.0"]["as_declared"] is False
    lines = paths[1].read_text().splitlines()
    table = [line for line in lines if line.startswith("|")]
    assert len(table) == 2 + len(cells)
    assert {line.replace(r"\|", "").count("|") for line in table} == {10}
    assert (
        "| 0.23.0 | period | train | 4.56.2 | 2.13.0+cpu | fail | pass | 61 s"
        r" | a \| b &lt;script&gt;\`x\` |" in table
    )
    assert f"{len(cells)} cells: 0 as declared, 1 not as declared or run in part, {len(cells) - 1} not run." in lines


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a|b", r"a\|b"),
        ("a\r\nb", "a b"),
        ("<b>&amp;", "&lt;b&gt;&amp;amp;"),
        ("_x_ *y* [z](u) ~q~ \\|", r"\_x\_ \*y\* \[z\](u) \~q\~ \\\|"),
    ],
)
def test_escape(text, shown):
    assert escape_cell(text) == shown
