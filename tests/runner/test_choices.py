"""What runs again and what does not, on real cells; how a crash and a time limit end one."""

from __future__ import annotations

import os
import subprocess

import pytest

from conftest import TESTS, Project
from rldk_trl.runner.results import read_result

CELLS = {"1.15.0", "1.16.0"}


def run_cells(output: str) -> set[str]:
    """The cells whose tests really ran in a run."""
    return {cell for cell in CELLS if f"TRL {cell}, lane period: " in output}


def test_what_has_not_changed_is_not_run_again(project: Project):
    code, output = project.run()
    assert code == 0, output
    assert run_cells(output) == CELLS
    assert "2 of 2 cells done; 0 not as declared" in output

    code, output = project.run()
    assert run_cells(output) == set()
    for cell in CELLS:
        assert f"{cell}: not run again: no-ppo on " in output

    assert run_cells(project.run("--", "--fresh")[1]) == CELLS
    (project.root / "test_mine.py").write_text(TESTS + "# changed\n")
    assert run_cells(project.run()[1]) == CELLS
    assert run_cells(project.run()[1]) == set()


def test_only_failed_and_the_table_that_ends_a_run(project: Project):
    fails = f"{TESTS}\n    assert importlib.metadata.version('trl') != '1.15.0', 'not this one'\n"
    (project.root / "test_mine.py").write_text(fails)
    code, output = project.run()
    assert code != 0
    assert project.statuses() == {"1.15.0": "fail", "1.16.0": "no-ppo"}
    table = output.splitlines()[-2:]
    assert table[0].split() == ["cell", "status", "phase", "error", "log", "rerun"]
    assert table[1].startswith("1.15.0  fail    test   test_mine.test_mine: ")
    assert table[1].endswith('.matrix/results/1.15.0.log  nox -s "trl_matrix(1.15.0)"')

    (project.root / "test_mine.py").write_text(TESTS)
    code, output = project.run("--", "--only-failed")
    assert code == 0, output
    assert run_cells(output) == {"1.15.0"}
    assert "1.16.0: not run again: was no-ppo, as declared" in output


def test_the_plugin_in_a_cell_names_what_was_raised(project: Project):
    (project.root / "test_mine.py").write_text("from trl import no_such_name\n")
    code, output = project.run()
    assert code != 0
    assert project.statuses() == dict.fromkeys(CELLS, "fail"), output
    for cell in CELLS:
        result = read_result(project.root, cell)
        assert result is not None
        assert result.phase == "import"
        assert str(result.reason).startswith("test_mine: ImportError: cannot import name 'no_such_name' from 'trl'")


def test_since_runs_what_a_git_change_touches(project: Project):
    def git(*arguments: str) -> None:
        command = ["git", "-c", "user.name=n", "-c", "user.email=e", *arguments]
        subprocess.run(command, cwd=project.root, check=True, capture_output=True)

    (project.root / ".gitignore").write_text(".nox\n.matrix\n")
    git("init")
    git("add", "-A")
    git("commit", "-m", "first")
    (project.root / "README").write_text("unrelated")
    _, output = project.run("--", "--since", "HEAD")
    assert run_cells(output) == set()
    (project.root / "test_mine.py").write_text(TESTS + "# changed\n")
    _, output = project.run("--", "--since", "HEAD")
    assert run_cells(output) == CELLS
    code, output = project.run("--", "--since", "no-such-revision")
    assert code != 0
    assert "--since no-such-revision: git reports: " in output


def test_a_crash_is_an_error_with_its_last_lines_and_the_others_go_on(project: Project):
    crash = f"""{TESTS}
    import os, signal, sys
    if importlib.metadata.version("trl") == "1.15.0":
        os.write(2, b"the last words\\n")
        os.kill(os.getpid(), signal.SIGSEGV)
"""
    (project.root / "test_mine.py").write_text(crash)
    code, output = project.run("--", "-s")
    assert code != 0
    assert project.statuses() == {"1.15.0": "error", "1.16.0": "no-ppo"}
    assert "pytest was ended by signal SIGSEGV; its last lines: " in output
    assert "the last words" in output


def test_a_time_limit_kills_the_whole_group(project: Project, monkeypatch: pytest.MonkeyPatch):
    # `start` takes RLDK_TRL_* away, so the limit is the noxfile's own.
    noxfile = (project.root / "noxfile.py").read_text()
    (project.root / "noxfile.py").write_text(noxfile.replace('tags=["period"]', 'tags=["period"], timeout_s=6'))
    hang = f"""{TESTS}
    import subprocess
    subprocess.run(["sleep", "600"])
"""
    (project.root / "test_mine.py").write_text(hang)
    code, output = project.run("-j", "2")
    assert code != 0
    assert project.statuses() == dict.fromkeys(CELLS, "timeout"), output
    assert project.processes() == []


@pytest.mark.skipif(os.name != "posix", reason="hard links")
def test_environments_stay_within_the_budget(project: Project):
    noxfile = (project.root / "noxfile.py").read_text()
    (project.root / "noxfile.py").write_text("import os\nos.environ['RLDK_TRL_DISK_GB'] = '0'\n" + noxfile)
    code, output = project.run()
    assert code == 0, output
    assert len(list((project.root / ".nox").glob("trl_matrix*"))) == 1, "only the one in use stays"
    assert "removed trl_matrix-1-15-0: over the disk budget" in output
