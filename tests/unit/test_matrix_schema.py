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
schema = 2
python = "3.11"
torch = "2.13.0"
period_days = 10
requires = ["datasets"]
[fixed]
date = 2026-11-01
packages = ["torch"]
[lanes.period]
about = "as they stood"
"""
TODAY = '[lanes.today]\nabout = "now"\ncutoff = 2026-11-20\n'
LINE = '"0.23.0" = { date = 2025-09-10, api = "train" }\n'
ROW = "[releases]\n" + LINE
EXPECT = '[[expect]]\nreleases = "==0.23.0"\n'
XFAIL = (
    EXPECT + 'status = "xfail"\nphase = "import"\nexception = "ImportError"\nreason = "r"\n'
    'cause = "trl"\ninstead = "i"\n'
)
NO_PPO = EXPECT + 'status = "no-ppo"\nreason = "deleted"\n'
LISTED = EXPECT + 'status = "listed"\nreason = "older"\n'
NO_PPO_ROW = ROW.replace("train", "none") + NO_PPO
LISTED_ROW = ROW.replace("train", "none") + LISTED
REQUIRE = '[[require]]\nreleases = ">=0.23"\nrequires = ["numpy<2"]\n'


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
    matrix = load(tmp_path, TOP + "[releases]\n" + LINE.replace("0.23.0", "1.0.0") + LINE + REQUIRE)
    assert [release.version for release in matrix.releases] == ["0.23.0", "1.0.0"]
    cell = find_cell(matrix, "1.0.0")
    assert cell.tags == ["period", "train"]
    assert cell.cutoff == datetime.date(2025, 9, 20)
    assert cell.requirements == ("trl==1.0.0", "torch==2.13.0", "datasets", "numpy<2")
    assert cell.expectation == Expectation()


def test_a_release_has_what_all_blocks_that_match_it_require_each_once(tmp_path):
    more = '[[require]]\nreleases = "<1"\nrequires = ["peft", "numpy<2"]\n'
    matrix = load(tmp_path, TOP + "[releases]\n" + LINE + LINE.replace("0.23.0", "1.0.0") + REQUIRE + more)
    assert [release.requires for release in matrix.releases] == [("numpy<2", "peft"), ("numpy<2",)]


def test_second_lane_has_own_ids_cutoff_and_expectation(tmp_path):
    row = ROW.replace(" }", ", smoke = true }")
    matrix = load(tmp_path, TOP + TODAY + row + XFAIL + 'lane = "today"\n')
    period, today = all_cells(matrix)
    assert (period.id, period.tags, period.expectation.status) == (
        "0.23.0",
        ["smoke", "period", "train"],
        "pass",
    )
    assert (today.id, today.tags) == ("0.23.0-today", ["today", "train"])
    assert today.cutoff == datetime.date(2026, 11, 20)
    assert today.expectation == Expectation("xfail", "r", "import", "ImportError", "trl", instead="i")


def test_a_block_without_a_lane_is_about_all(tmp_path):
    matrix = load(tmp_path, TOP + TODAY + ROW + XFAIL)
    assert [cell.expectation.status for cell in all_cells(matrix)] == ["xfail", "xfail"]


def test_a_block_for_one_release_goes_before_a_range_and_one_for_its_lane_before_both(tmp_path):
    lines = "".join(LINE.replace("0.23.0", f"0.{minor}.0") for minor in (22, 23, 24))
    range_block = XFAIL.replace("==0.23.0", ">=0.22")
    exact = EXPECT + 'status = "pass"\n'
    lane = XFAIL.replace("ImportError", "KeyError") + 'lane = "today"\n'
    for blocks in ([range_block, exact, lane], [lane, exact, range_block]):
        matrix = load(tmp_path, TOP + TODAY + "[releases]\n" + lines + "".join(blocks))
        assert [(cell.id, cell.expectation.exception) for cell in all_cells(matrix)] == [
            ("0.22.0", "ImportError"),
            ("0.22.0-today", "ImportError"),
            ("0.23.0", None),
            ("0.23.0-today", "KeyError"),
            ("0.24.0", "ImportError"),
            ("0.24.0-today", "ImportError"),
        ]


@pytest.mark.parametrize(
    ("specifier", "matched"),
    [
        (">=0.8", ["1.0.0rc1", "1.0.0"]),
        ("<1", ["0.8.0rc1"]),
        ("<1.0.0rc1", ["0.8.0rc1"]),
        (">=1", ["1.0.0"]),
        ("<=1.0.0rc1", ["0.8.0rc1", "1.0.0rc1"]),
        ("==1.0.*", ["1.0.0rc1", "1.0.0"]),
        ("==1.0.0rc1", ["1.0.0rc1"]),
    ],
)
def test_a_specifier_matches_pre_releases_as_pep_440_orders_them(tmp_path, specifier, matched):
    lines = "".join(LINE.replace("0.23.0", version) for version in ("0.8.0rc1", "1.0.0rc1", "1.0.0"))
    text = TOP + "[releases]\n" + lines + XFAIL.replace("==0.23.0", specifier) + REQUIRE.replace(">=0.23", specifier)
    releases = load(tmp_path, text).releases
    assert [release.version for release in releases if release.expectation.status == "xfail"] == matched
    assert [release.version for release in releases if release.requires] == matched


def test_extra_requirements_are_of_the_period_and_a_release_newer_than_the_lane_has_its_own_date(tmp_path):
    newer = LINE.replace("0.23.0", "2.0.0").replace("2025-09-10", "2026-12-10")
    text = TOP + TODAY + ROW + newer + REQUIRE.replace(">=0.23", "==0.23.0")
    cells = {cell.id: cell for cell in all_cells(load(tmp_path, text))}
    assert "numpy<2" in cells["0.23.0"].requirements
    assert "numpy<2" not in cells["0.23.0-today"].requirements
    assert cells["2.0.0-today"].cutoff == datetime.date(2026, 12, 20)


def test_a_cutoff_of_its_own(tmp_path):
    (cell,) = all_cells(load(tmp_path, TOP + ROW.replace(" }", ", cutoff = 2025-09-12 }")))
    assert cell.cutoff == datetime.date(2025, 9, 12)


def test_listed_row_has_no_cell(tmp_path):
    matrix = load(tmp_path, TOP + TODAY + ROW.replace("train", "none") + LINE.replace("0.23.0", "1.0.0") + LISTED)
    assert [cell.id for cell in all_cells(matrix)] == ["1.0.0", "1.0.0-today"]
    assert [release.version for release in matrix.listed] == ["0.23.0"]
    with pytest.raises(MatrixError, match=r"0\.23\.0 is only listed and is not run: older"):
        find_cell(matrix, "0.23.0")


def on_line(more: str, row: str = ROW) -> str:
    """The row with one more key on the release's line."""
    return row.replace(" }", f", {more} }}")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (TOP + on_line("smok = true"), "release 0.23.0: unknown key `smok`; did you mean `smoke`?"),
        ("colour = 1\n" + TOP + ROW, "matrix.toml: unknown key `colour`; known keys"),
        (TOP.replace("packages", "packges") + ROW, "fixed: unknown key `packges`; did you mean `packages`?"),
        (TOP.replace("about", "abut") + ROW, "lane period: `about` is missing"),
        (
            TOP.replace('about = "as they stood"', 'about = "a"\nfoo = 1') + ROW,
            "lane period: unknown key `foo`",
        ),
        (TOP + "cutoff = 2026-01-01\n" + ROW, "lane period: each release has its own `cutoff` in this lane; remove"),
        (TOP + TODAY.replace("cutoff = 2026-11-20\n", "") + ROW, "lane today: `cutoff` is missing"),
        (
            TOP.replace("[lanes.period]", "[lanes.other]\ncutoff = 2026-01-01") + ROW,
            "no period; add [lanes.period]",
        ),
        (TOP.replace("schema = 2", "schema = 3") + ROW, "`schema` is 3, but this rldk-trl reads 2; upgrade it"),
        (TOP.replace("schema = 2", "schema = 1") + ROW, "`schema` is 1, with a [[release]] block per release; write"),
        (TOP.replace("schema = 2", "") + ROW, "`schema` is missing"),
        (TOP.replace('"3.11"', '"3"') + ROW, "`python` is '3'"),
        (TOP.replace('["datasets"]', "[1]") + ROW, "`requires` holds 1; write strings"),
        (TOP.replace('["datasets"]', '["torch>1"]') + ROW, "torch is pinned elsewhere"),
        (TOP.replace("period_days = 10\n", "") + ROW, "`period_days` is missing"),
        (TOP.replace("days = 10", "days = -1") + ROW, "`period_days` is -1; write a number of days"),
        (TOP.replace("days = 10", "days = true") + ROW, "`period_days` is True; write a whole number"),
        (TOP, "`releases` is missing"),
        (TOP + "[[releases]]\nversion = 1\n", "`releases` is [{'version': 1}]; write a table"),
        (TOP + ROW + "[expect]\nversion = 1\n", "`expect` is {'version': 1}; write a list"),
        (TOP + "[releases]\n" + '"0.23.0" = 1', "release 0.23.0: 1 is not a table; write a table"),
        (TOP.replace("[fixed]", "expect = [1]\n[fixed]") + ROW, "expect number 1: 1 is not a table; write a table"),
        (TOP.replace("[fixed]", "require = [1]\n[fixed]") + ROW, "require number 1: 1 is not a table; write a table"),
        (TOP + "[releases]\n" + '"" = {}', "a key of `releases` is ''; write a PEP 440"),
        (TOP + ROW.replace('"0.23.0"', '"0.x"'), "a key of `releases` is '0.x'; write a PEP 440"),
        (TOP + ROW.replace('"0.23.0"', "0.23"), 'release 0: `date` is missing; write "0.23.0" = {'),
        (TOP + ROW.replace('"0.23.0"', '"v0.23.0"'), "write it as '0.23.0'"),
        (TOP + ROW + LINE, "not valid TOML (Cannot overwrite a value"),
        (TOP + ROW.replace("2025-09-10", '"2025-09-10"'), "`date` is '2025-09-10'; write a date"),
        (TOP + ROW.replace("2025-09-10", "2025-09-10T00:00:00"), "`date` is datetime"),
        (TOP + on_line('cutoff = "2025-09-20"'), "release 0.23.0: `cutoff` is '2025-09-20'; write a date"),
        (TOP + on_line("cutoff = 2025-09-09"), "`cutoff` 2025-09-09 is before `date` 2025-09-10"),
        (TOP + ROW.replace(', api = "train"', ""), "`api` is missing; write one of 'step', 'train', 'none'"),
        (TOP + ROW.replace("train", "trian"), "`api` is 'trian'; write one of"),
        (TOP + on_line("smoke = 1"), "`smoke` is 1; write true or false"),
        (TOP + ROW + REQUIRE.replace("numpy<2", "a b"), "(>=0.23): `requires` holds 'a b'; write a requirement"),
        (TOP + ROW + REQUIRE.replace("numpy<2", "trl"), "(>=0.23): `requires` holds 'trl'; trl is pinned elsewhere"),
        (TOP + ROW + REQUIRE.replace('requires = ["numpy<2"]', ""), "(>=0.23): `requires` is missing or empty"),
        (TOP + ROW + REQUIRE + "lane = 1", "require number 1 (>=0.23): unknown key `lane`"),
        (TOP + ROW + REQUIRE.replace(">=0.23", "0.23"), "`releases` is '0.23'; write a PEP 440 specifier"),
        (TOP + ROW + REQUIRE.replace('releases = ">=0.23"', ""), "require number 1: `releases` is missing"),
        (
            TOP + ROW + REQUIRE.replace(">=0.23", ">0.23.0"),
            "require number 1 (>0.23.0): `releases` matches no release",
        ),
        (TOP + ROW + XFAIL.replace("==0.23.0", "0.23"), "expect number 1: `releases` is '0.23'; write a PEP 440"),
        (TOP + ROW + XFAIL.replace('releases = "==0.23.0"', ""), "expect number 1: `releases` is missing"),
        (TOP + ROW + XFAIL.replace("==0.23.0", "<0.23"), "expect number 1 (<0.23): `releases` matches no release"),
        (TOP + ROW + XFAIL + XFAIL, "expect number 2 (==0.23.0): 0.23.0 already has a block for lane period"),
        (
            TOP + TODAY + ROW + (XFAIL + 'lane = "today"\n' + XFAIL).replace("==0.23.0", ">=0.23"),
            "expect number 2 (>=0.23): 0.23.0 already has a block for lane today",
        ),
        (TOP + ROW.replace("train", "none"), '`api` is "none" but a pass is expected; add an [[expect]] block'),
        (TOP + ROW + NO_PPO, "`status` is \"no-ppo\" but `api` is 'train'"),
        (TOP + ROW + EXPECT + 'status = "fine"', "`status` is 'fine'"),
        (TOP + ROW + EXPECT + 'reason = "r"', "`status` is missing; write one of 'pass', 'no-ppo', 'xfail', 'listed'"),
        (TOP + ROW + EXPECT + 'status = "pass"\nreason = "r"', "`reason` and `link` explain why it is not a pass"),
        (TOP + on_line('reason = "r"'), "release 0.23.0: unknown key `reason`"),
        (TOP + NO_PPO_ROW.replace('reason = "deleted"', ""), "`reason` is missing"),
        (TOP + NO_PPO_ROW.replace("deleted", " "), "`reason` is empty"),
        (TOP + NO_PPO_ROW + 'phase = "test"', '`cause` and `instead` belong to status = "xfail"; remove them'),
        (TOP + NO_PPO_ROW + 'instead = "x"', '`cause` and `instead` belong to status = "xfail"; remove them'),
        (TOP + NO_PPO_ROW + 'link = "#7020"', "`link` is '#7020'; write an https:// address"),
        (TOP + ROW + XFAIL.replace('phase = "import"\n', ""), "`phase` is missing"),
        (TOP + ROW + XFAIL.replace('exception = "ImportError"\n', ""), "`exception` is missing"),
        (TOP + ROW + XFAIL.replace('cause = "trl"\n', ""), "`cause` is missing"),
        (TOP + ROW + XFAIL.replace('instead = "i"\n', ""), "`instead` is missing"),
        (TOP + ROW + XFAIL.replace('"import"', '"build"'), "`phase` is 'build'"),
        (TOP + ROW + XFAIL.replace('"trl"', '"nobody"'), "`cause` is 'nobody'"),
        (TOP + ROW + XFAIL + 'whose = "trl"', "expect number 1 (==0.23.0): unknown key `whose`"),
        (TOP + ROW + XFAIL.replace("ImportError", "no module x"), "write a class name"),
        (TOP + LISTED_ROW.replace('"none"', '"train"'), "`status` is \"listed\" but `api` is 'train'"),
        (TOP + LISTED_ROW.replace('reason = "older"\n', ""), "`reason` is missing"),
        (TOP + on_line("cutoff = 2025-09-20", LISTED_ROW), "a listed release is not run"),
        (TOP + on_line("smoke = true", LISTED_ROW), "a listed release is not run"),
        (TOP + LISTED_ROW + REQUIRE, "a listed release is not run"),
        (TOP + TODAY + LISTED_ROW + XFAIL + 'lane = "today"', "a listed release is not run"),
        (
            TOP + TODAY + NO_PPO_ROW + LISTED + 'lane = "today"\n',
            '`status` is "listed", which applies to all lanes',
        ),
        (TOP + ROW + XFAIL + 'lane = "today"', "expect number 1 (==0.23.0): `lane` is 'today'; write one of 'period'"),
        (TOP + TODAY + ROW + XFAIL + 'lane = "today"\nfoo = 1\n', "expect number 1 (==0.23.0): unknown key `foo`"),
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
    matrix = load(tmp_path, TOP + ROW + LINE.replace("0.23.0", "0.26.2") + LINE.replace("0.23.0", "1.0.0"))
    with pytest.raises(MatrixError, match=r"no cell '0\.24\.0'; nearest: 0\.23\.0, 0\.26\.2 "):
        find_cell(matrix, "0.24.0")
    with pytest.raises(MatrixError, match=r"nearest: 1\.0\.0 "):
        find_cell(matrix, "newest")


def test_selection(tmp_path):
    cells = all_cells(load(tmp_path, TOP + ROW + LINE.replace("0.23.0", "1.0.0rc1")))
    assert [cell.id for cell in select_cells(cells, releases=">=0.24")] == ["1.0.0rc1"]
    with pytest.raises(MatrixError, match="not a PEP 440 specifier"):
        select_cells(cells, releases="0.23")
    with pytest.raises(MatrixError, match="no cell matches"):
        select_cells(cells, releases=">=2", tags=["train"])
