"""Which cells run again: options, earlier results, and what a cell depends on."""

from __future__ import annotations

from pathlib import Path

import pytest

from rldk_trl.errors import RunError
from rldk_trl.runner.choice import Asked, choose, read_options
from rldk_trl.runner.dependencies import reachable_files
from rldk_trl.runner.results import CellResult

ROOT = Path(__file__).parents[2]


def result(status="pass", digest="d", args=()):
    return CellResult(
        "0.23.0",
        "0.23.0",
        "period",
        status,
        None,
        None,
        1.0,
        digest=digest,
        args=args,
        finished="2026-11-22T10:00:00+00:00",
    )


@pytest.mark.parametrize(
    ("posargs", "asked"),
    [
        ([], Asked()),
        (["--fresh"], Asked(fresh=True)),
        (["--only-failed", "-k", "fix"], Asked(only_failed=True, args=("-k", "fix"))),
        (["--since", "HEAD~1", "-x"], Asked(since="HEAD~1", args=("-x",))),
        (["--since=main"], Asked(since="main")),
        (["-q", "tests/cell/test_fix.py"], Asked(args=("-q", "tests/cell/test_fix.py"))),
    ],
)
def test_ours_are_taken_the_rest_goes_to_pytest(posargs, asked):
    assert read_options(posargs) == asked


@pytest.mark.parametrize("posargs", [["--since"], ["--fresh", "--only-failed"], ["--fresh", "--since", "main"]])
def test_bad_options_are_one_line(posargs):
    with pytest.raises(RunError, match=r"^after --: ") as caught:
        read_options(posargs)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("asked", "expected", "previous", "run", "why"),
    [
        (Asked(), "pass", None, True, "has no result"),
        (Asked(), "pass", result(), False, "pass on 2026-11-22, inputs unchanged"),
        (Asked(), "no-ppo", result("no-ppo"), False, "no-ppo on 2026-11-22, inputs unchanged"),
        (Asked(), "xfail", result("xfail"), False, "xfail on 2026-11-22, inputs unchanged"),
        (Asked(), "pass", result(digest="old"), True, "its inputs have changed"),
        (Asked(), "pass", result("fail"), True, "was fail"),
        (Asked(), "pass", result("timeout"), True, "was timeout"),
        (Asked(), "pass", result("xfail"), True, "was xfail"),
        (Asked(), "pass", result(args=("-k", "x")), True, "options for pytest may run only a part of the cell"),
        (Asked(args=("-x",)), "pass", result(), True, "options for pytest may run only a part of the cell"),
        (Asked(fresh=True), "pass", result(), True, "--fresh"),
        (Asked(only_failed=True), "pass", result(), False, "was pass, as declared"),
        (Asked(only_failed=True), "pass", None, False, "has not run"),
        (Asked(only_failed=True), "pass", result("fail"), True, "was fail"),
        (Asked(only_failed=True), "xfail", result("xpass"), True, "was xpass"),
    ],
)
def test_choice(asked, expected, previous, run, why):
    choice = choose(asked, expected, previous, "d")
    assert (choice.run, choice.why) == (run, why)


@pytest.mark.parametrize(("touched", "run"), [(True, True), (False, False)])
def test_since(touched, run):
    assert choose(Asked(since="main"), "pass", result(digest="old"), "d", touched).run is run


def test_a_cell_depends_on_library_and_plugin_and_not_on_reports():
    source = ROOT / "src"
    reached = {file.relative_to(source).as_posix() for file in reachable_files(source, [ROOT / "tests/cell"])}
    assert {
        "rldk/integrations/trl/training/trainer.py",
        "rldk_trl/plugin/hooks.py",
        "rldk_trl/plugin/processes.py",
        "rldk_trl/processes/group.py",
        "rldk_trl/tiny.py",
    } <= reached
    assert not {
        name
        for name in reached
        if name.startswith(("rldk_trl/report", "rldk_trl/cli", "rldk_trl/commands", "rldk_maintenance"))
    }
    assert "rldk_trl/nox.py" not in reached


def test_a_downstream_test_that_imports_nothing_of_ours_still_has_the_plugin(tmp_path):
    (tmp_path / "test_mine.py").write_text("def test(ppo_setup): pass\n")
    source = ROOT / "src"
    reached = {file.name for file in reachable_files(source, [tmp_path])}
    assert {"hooks.py", "fixtures.py", "trainer.py"} <= reached
    assert "loader.py" not in reached
