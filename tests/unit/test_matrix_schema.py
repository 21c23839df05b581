"""The matrix file: what is read from it, and each way it can be wrong."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from rldk_trl.errors import MatrixError
from rldk_trl.matrix.cells import all_cells, find_cell, select_cells
from rldk_trl.matrix.loader import load_matrix
from rldk_trl.matrix.schema import Expectation

TOP = """
schema = 1
python = "3.11"
torch = "2.13.0"
requires = ["datasets"]
[fixed]
date = 2026-11-01
packages = ["torch"]
[lanes.period]
about = "as they stood"
"""
TODAY = '[lanes.today]\nabout = "now"\ncutoff = 2026-11-20\n'
ROW = '[[release]]\nversion = "0.23.0"\ndate = 2025-09-10\ncutoff = 2025-09-20\napi = "train"\n'
NO_PPO_ROW = ROW.replace("train", "none") + 'expect = "no-ppo"\nreason = "deleted"\n'
XFAIL = 'expect = "xfail"\nphase = "import"\nexception = "ImportError"\nreason = "r"\nwhose = "trl"\ninstead = "i"\n'
LISTED_ROW = (
    ROW.replace("train", "none").replace("cutoff = 2025-09-20\n", "") + 'expect = "listed"\nreason = "older"\n'
)


def load(tmp_path: Path, text: str):
    path = tmp_path / "matrix.toml"
    path.write_text(text, encoding="utf-8")
    return load_matrix(path)


def test_the_shipped_matrix_is_valid_and_has_its_smoke_rows():
    cells = all_cells(load_matrix())
    smoke = [cell.id for cell in select_cells(cells, tags=["smoke", "period"])]
    assert {"0.11.4", "0.12.2", "0.16.1", "0.23.0", "0.26.2", "1.12.0", "1.16.0"} <= set(smoke)
    assert [cell.id for cell in select_cells(cells, tags=["no-ppo", "smoke"])] == ["1.16.0"]


def test_row(tmp_path):
    matrix = load(tmp_path, TOP + ROW.replace("0.23.0", "1.0.0") + 'requires = ["numpy<2"]\n' + ROW)
    assert [release.version for release in matrix.releases] == ["0.23.0", "1.0.0"]
    cell = find_cell(matrix, "1.0.0")
    assert cell.tags == ["period", "train"]
    assert cell.cutoff == datetime.date(2025, 9, 20)
    assert cell.requirements == ("trl==1.0.0", "torch==2.13.0", "datasets", "numpy<2")
    assert cell.expectation == Expectation()


def test_second_lane_has_own_ids_cutoff_and_expectation(tmp_path):
    matrix = load(tmp_path, TOP + TODAY + ROW + "smoke = true\n[release.today]\n" + XFAIL)
    period, today = all_cells(matrix)
    assert (period.id, period.tags, period.expectation.status) == (
        "0.23.0",
        ["smoke", "period", "train"],
        "pass",
    )
    assert (today.id, today.tags) == ("0.23.0-today", ["today", "train"])
    assert today.cutoff == datetime.date(2026, 11, 20)
    assert today.expectation == Expectation("xfail", "r", "import", "ImportError", "trl", instead="i")


def test_extra_requirements_are_of_the_period_and_a_release_newer_than_the_lane_has_its_own_date(tmp_path):
    row = ROW + 'requires = ["numpy<2"]\n'
    newer = ROW.replace("0.23.0", "2.0.0").replace("2025-09-20", "2026-12-20")
    cells = {cell.id: cell for cell in all_cells(load(tmp_path, TOP + TODAY + row + newer))}
    assert "numpy<2" in cells["0.23.0"].requirements
    assert "numpy<2" not in cells["0.23.0-today"].requirements
    assert cells["2.0.0-today"].cutoff == datetime.date(2026, 12, 20)


def test_listed_row_has_no_cell(tmp_path):
    matrix = load(tmp_path, TOP + TODAY + LISTED_ROW + ROW.replace("0.23.0", "1.0.0"))
    assert [cell.id for cell in all_cells(matrix)] == ["1.0.0", "1.0.0-today"]
    assert [release.version for release in matrix.listed] == ["0.23.0"]
    with pytest.raises(MatrixError, match=r"0\.23\.0 is only listed, nothing is run of it: older"):
        find_cell(matrix, "0.23.0")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (TOP + ROW + "smok = true", "release 0.23.0: unknown key `smok`; did you mean `smoke`?"),
        ("colour = 1\n" + TOP + ROW, "matrix.toml: unknown key `colour`; known keys"),
        (TOP.replace("packages", "packges") + ROW, "fixed: unknown key `packges`; did you mean `packages`?"),
        (TOP.replace("about", "abut") + ROW, "lane period: `about` is missing"),
        (
            TOP.replace('about = "as they stood"', 'about = "a"\nfoo = 1') + ROW,
            "lane period: unknown key `foo`",
        ),
        (TOP + "cutoff = 2026-01-01\n" + ROW, "lane period: `cutoff` belongs to the rows"),
        (TOP + TODAY.replace("cutoff = 2026-11-20\n", "") + ROW, "lane today: `cutoff` is missing"),
        (
            TOP.replace("[lanes.period]", "[lanes.other]\ncutoff = 2026-01-01") + ROW,
            "no period; add [lanes.period]",
        ),
        (TOP.replace("schema = 1", "schema = 2") + ROW, "`schema` is 2"),
        (TOP.replace("schema = 1", "") + ROW, "`schema` is missing"),
        (TOP.replace('"3.11"', '"3"') + ROW, "`python` is '3'"),
        (TOP.replace('["datasets"]', "[1]") + ROW, "`requires` holds 1; write strings"),
        (TOP.replace('["datasets"]', '["torch>1"]') + ROW, "torch is pinned elsewhere"),
        (TOP, "`release` is missing"),
        (TOP + "[release]\nversion = 1\n", "`release` is {'version': 1}; write a list"),
        (TOP.replace("[fixed]", "release = [1]\n[fixed]"), "release number 1: is 1; write a table"),
        (TOP + "[[release]]\n", "release number 1: `version` is missing"),
        (TOP + ROW.replace('"0.23.0"', '"0.x"'), "release number 1: `version` is '0.x'; write a PEP 440"),
        (TOP + ROW.replace('"0.23.0"', "0.23"), "release number 1: `version` is 0.23; write a string"),
        (TOP + ROW.replace('"0.23.0"', '"v0.23.0"'), "write it as '0.23.0'"),
        (TOP + ROW + ROW, "release 0.23.0: there are two such rows"),
        (TOP + ROW.replace("2025-09-10", '"2025-09-10"'), "`date` is '2025-09-10'; write a date"),
        (TOP + ROW.replace("2025-09-10", "2025-09-10T00:00:00"), "`date` is datetime"),
        (TOP + ROW.replace("cutoff = 2025-09-20\n", ""), "release 0.23.0: `cutoff` is missing"),
        (TOP + ROW.replace("2025-09-20", "2025-09-09"), "`cutoff` 2025-09-09 is before `date` 2025-09-10"),
        (TOP + ROW.replace('api = "train"\n', ""), "`api` is missing; write one of 'step', 'train', 'none'"),
        (TOP + ROW.replace("train", "trian"), "`api` is 'trian'; write one of"),
        (TOP + ROW + "smoke = 1", "`smoke` is 1; write true or false"),
        (TOP + ROW + 'requires = ["a b"]', "`requires` holds 'a b'; write a requirement"),
        (TOP + ROW.replace("train", "none"), '`api` is "none" but the row expects a pass'),
        (TOP + ROW + 'expect = "no-ppo"\nreason = "r"', "`expect` is \"no-ppo\" but `api` is 'train'"),
        (TOP + ROW + 'expect = "fine"', "`expect` is 'fine'"),
        (TOP + ROW + 'reason = "r"', "`reason` and `link` explain what is not a pass"),
        (TOP + NO_PPO_ROW.replace('reason = "deleted"', ""), "`reason` is missing"),
        (TOP + NO_PPO_ROW.replace("deleted", " "), "`reason` is empty"),
        (TOP + NO_PPO_ROW + 'phase = "test"', '`whose` and `instead` belong to expect = "xfail"; take them out'),
        (TOP + NO_PPO_ROW + 'instead = "x"', '`whose` and `instead` belong to expect = "xfail"; take them out'),
        (TOP + NO_PPO_ROW + 'link = "#7020"', "`link` is '#7020'; write an https:// address"),
        (TOP + ROW + XFAIL.replace('phase = "import"\n', ""), "`phase` is missing"),
        (TOP + ROW + XFAIL.replace('exception = "ImportError"\n', ""), "`exception` is missing"),
        (TOP + ROW + XFAIL.replace('whose = "trl"\n', ""), "`whose` is missing"),
        (TOP + ROW + XFAIL.replace('instead = "i"\n', ""), "`instead` is missing"),
        (TOP + ROW + XFAIL.replace('"import"', '"build"'), "`phase` is 'build'"),
        (TOP + ROW + XFAIL.replace('"trl"', '"nobody"'), "`whose` is 'nobody'"),
        (TOP + ROW + XFAIL.replace("ImportError", "no module x"), "write a class name"),
        (TOP + LISTED_ROW.replace('"none"', '"train"'), "`expect` is \"listed\" but `api` is 'train'"),
        (TOP + LISTED_ROW.replace('reason = "older"\n', ""), "`reason` is missing"),
        (TOP + LISTED_ROW + "cutoff = 2025-09-20", "nothing is run of a listed row"),
        (TOP + LISTED_ROW + "smoke = true", "nothing is run of a listed row"),
        (TOP + TODAY + LISTED_ROW + "[release.today]\n" + XFAIL, "nothing is run of a listed row"),
        (
            TOP + TODAY + NO_PPO_ROW + '[release.today]\nexpect = "listed"\nreason = "r"\n',
            '`expect` is "listed", which is said of a whole row',
        ),
        (TOP + ROW + "[release.today]\n" + XFAIL, "unknown key `today`"),
        (TOP + TODAY + ROW + "[release.today]\nfoo = 1\n", "release 0.23.0, lane today: unknown key `foo`"),
        ("schema = ", "not valid TOML"),
    ],
)
def test_every_mistake_is_one_clear_line(tmp_path, text, said):
    with pytest.raises(MatrixError) as caught:
        load(tmp_path, text)
    message = str(caught.value)
    assert message.startswith("matrix.toml: ")
    assert said in message
    assert "\n" not in message


def test_missing_file(tmp_path):
    with pytest.raises(MatrixError, match=r"matrix\.toml: cannot be read"):
        load_matrix(tmp_path / "matrix.toml")


def test_unknown_cell_names_its_neighbours(tmp_path):
    matrix = load(tmp_path, TOP + ROW + ROW.replace("0.23.0", "0.26.2") + ROW.replace("0.23.0", "1.0.0"))
    with pytest.raises(MatrixError, match=r"no cell '0\.24\.0'; nearest: 0\.23\.0, 0\.26\.2 "):
        find_cell(matrix, "0.24.0")
    with pytest.raises(MatrixError, match=r"nearest: 1\.0\.0 "):
        find_cell(matrix, "newest")


def test_selection(tmp_path):
    cells = all_cells(load(tmp_path, TOP + ROW + ROW.replace("0.23.0", "1.0.0rc1")))
    assert [cell.id for cell in select_cells(cells, releases=">=0.24")] == ["1.0.0rc1"]
    with pytest.raises(MatrixError, match="not a PEP 440 specifier"):
        select_cells(cells, releases="0.23")
    with pytest.raises(MatrixError, match="no cell is both"):
        select_cells(cells, releases=">=2", tags=["train"])
