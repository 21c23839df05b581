"""What changed between two runs, and the badge."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import sys
from xml.etree import ElementTree

import pytest

from rldk_trl.errors import CommandError, ResultError
from rldk_trl.report import escape_cell, report_rows, write_reports
from rldk_trl.report.badge import badge, render_badge
from rldk_trl.report.options import report_options
from rldk_trl.runner.results import result_files
from synthetic_run import EVIL, STATUSES, synthetic_result, write_synthetic, write_synthetic_run

GREEN, AMBER, RED = "#1a7f37", "#8a5a00", "#b62324"


@pytest.fixture
def two_runs(tmp_path):
    """The synthetic run, and in ``before`` another: what failed now passed, and the other way round."""
    before = tmp_path / "before"
    before.mkdir()
    matrix, cells = write_synthetic_run(before)
    write_synthetic_run(tmp_path)
    write_synthetic(
        before,
        synthetic_result("0.23.0", status="fail", reason="was broken"),
        synthetic_result("0.23.0-today", status="pass", reason=None),
        synthetic_result("0.11.4", status="error"),
        synthetic_result("0.26.2", packages={"transformers": "4.1.0", "torch": "2.13.0", "old": "1"}),
        dataclasses.replace(synthetic_result("0.26.2"), cell="0.26.2-today", lane="today"),
    )
    result_files(before, "1.16.0").remove()
    write_reports(before, cells)
    return matrix, cells


def written(tmp_path, two_runs, compare):
    matrix, cells = two_runs
    paths = write_reports(tmp_path, cells, listed=matrix.listed, compare=compare)
    return json.loads(paths[0].read_text(encoding="utf-8"))["changes"], *(
        path.read_text(encoding="utf-8") for path in (paths[1], paths[3])
    )


@pytest.mark.parametrize("other", ["", ".matrix", ".matrix/results", ".matrix/report.json"])
def test_changes(tmp_path, two_runs, other):
    changes, markdown, page = written(tmp_path, two_runs, tmp_path / "before" / other)
    groups = {title: [one["cell"] for one in found] for title, found in changes["groups"].items()}
    assert groups == {
        "New failures": ["0.23.0-today"],
        "Fixed": ["0.23.0"],
        "Other changes of status": ["0.11.4"],
        "Run now, not before": ["1.16.0"],
        "Run before, not now": ["0.26.2-today"],
    }
    packages = {one["name"]: (one["before"], one["now"], one["cells"]) for one in changes["packages"]}
    number = 9 + list(STATUSES).index("0.26.2")
    assert packages == {
        "transformers": ("4.1.0", f"4.{number}.0", ["0.26.2"]),
        "old": ("1", None, ["0.26.2"]),
        "trl": (None, "0.26.2", ["0.26.2"]),
    }
    assert "New failures (1):\n\n- 0.23.0-today: pass -> fail (not as declared): test\\_fix" in markdown
    assert "- old: 1 -> none (0.26.2)" in markdown
    assert EVIL not in markdown
    assert EVIL not in page
    assert "<h3>New failures (1)</h3>" in page
    assert "pass → fail (not as declared)" in page


def test_the_same_run_has_no_changes(tmp_path, two_runs):
    copy = tmp_path / "copy"
    shutil.copytree(tmp_path / ".matrix/results", copy)
    changes, markdown, page = written(tmp_path, two_runs, copy)
    assert not any(changes["groups"].values())
    assert changes["packages"] == []
    assert f"## Changed since {escape_cell(str(copy))}\n\nNothing.\n" in markdown
    assert "<p>Nothing.</p>" in page


def test_without_compare_nothing_is_said_of_changes(tmp_path, two_runs):
    matrix, cells = two_runs
    paths = write_reports(tmp_path, cells, listed=matrix.listed)
    assert "Changed since" not in paths[1].read_text(encoding="utf-8") + paths[3].read_text(encoding="utf-8")
    assert "changes" not in json.loads(paths[0].read_text(encoding="utf-8"))


@pytest.mark.parametrize("content", ["{", "[]", '{"cells": [{}]}', "\xff"])
def test_what_is_no_report_is_one_line(tmp_path, two_runs, content):
    other = tmp_path / "other.json"
    other.write_bytes(content.encode("latin-1"))
    with pytest.raises(ResultError, match=r"^--compare .*other\.json: not a report .*; pass a report\.json"):
        written(tmp_path, two_runs, other)
    assert not (tmp_path / ".matrix/report.json").exists()


def test_nothing_to_compare_with(tmp_path, two_runs):
    with pytest.raises(ResultError, match="nowhere: no results there"):
        written(tmp_path, two_runs, tmp_path / "nowhere")


def test_options_of_the_session(tmp_path):
    assert report_options([]).compare is None
    assert report_options(["--compare", str(tmp_path)]).compare == tmp_path
    for mistake in (["--compere", "x"], ["--compare"], ["x"]):
        with pytest.raises(CommandError, match=r"^trl_report: .*; use only --compare OTHER$"):
            report_options(mistake)


NOXFILE = """
from rldk_trl.nox import trl_matrix
trl_matrix(releases="==0.23.0", tags=["period"])
"""


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--compare", "other"], 0, "wrote .matrix/report.html"),
        (["--compare", "nowhere"], 1, "nowhere: no results there"),
        (["--compere", "x"], 1, "trl_report: unrecognized arguments: --compere x; use only --compare OTHER"),
    ],
)
def test_the_session(tmp_path, arguments, code, said):
    (tmp_path / "noxfile.py").write_text(NOXFILE, encoding="utf-8")
    write_synthetic(tmp_path, synthetic_result("0.23.0"))
    write_synthetic(tmp_path / "other", synthetic_result("0.23.0", status="fail", reason="was broken"))
    done = subprocess.run(
        [sys.executable, "-m", "nox", "-s", "trl_report", "--", *arguments],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert (tmp_path / ".matrix/report.md").exists() == (code == 0)
    if code == 0:
        markdown = (tmp_path / ".matrix/report.md").read_text(encoding="utf-8")
        assert "Fixed (1):\n\n- 0.23.0: fail (not as declared) -> pass\n" in markdown


def colour(svg: str) -> str:
    (found,) = [one for one in (GREEN, AMBER, RED) if one in svg]
    return found


def test_badge(tmp_path):
    _, cells = write_synthetic_run(tmp_path)
    svg = render_badge(report_rows(tmp_path, cells))
    assert "TRL PPO: 3 of 4 releases" in svg
    assert colour(svg) == RED
    good = [synthetic_result(cell, status="pass") for cell in ("0.11.4", "0.11.4-today", "0.23.0-today")]
    write_synthetic(tmp_path, *good)
    svg = render_badge(report_rows(tmp_path, cells))
    assert "TRL PPO: 4 of 4 releases" in svg
    assert colour(svg) == AMBER  # one cell has not run
    write_synthetic(tmp_path, dataclasses.replace(synthetic_result("0.26.2"), cell="0.26.2-today", lane="today"))
    assert colour(render_badge(report_rows(tmp_path, cells))) == GREEN
    assert "0 of 0 releases" in render_badge([])


def test_badge_is_svg_and_its_text_stays_text():
    svg = badge("a<b>&\"'", EVIL, GREEN)
    root = ElementTree.fromstring(svg)
    texts = [one.text for one in root.iter("{http://www.w3.org/2000/svg}text")]
    assert texts == ["a<b>&\"'", EVIL]
    assert root.get("aria-label") == f"a<b>&\"': {EVIL}"
    assert not list(root.iter("{http://www.w3.org/2000/svg}script"))
