"""Every command and block in README and docs: run here, in a cell, or by `.ci/run`."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from blocks import DOCUMENTS, ROOT, code_blocks, languages
from rldk_trl.matrix.loader import load_matrix
from synthetic_run import STATUSES, synthetic_result, write_synthetic


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_no_block_is_of_a_kind_that_no_test_runs(document):
    """`python` and `toml` blocks and `sh` lines are run by the tests named below; `text` is output."""
    assert set(languages(document)) <= {"python", "sh", "toml", "text"}


def test_every_python_block_has_a_test_that_runs_it():
    found = {document.name: len(code_blocks(str(document.relative_to(ROOT)), "python")) for document in DOCUMENTS}
    # README: two library blocks, the pages' own are run in each cell, the other two below.
    # docs/porting.md's is the program that its commands read.
    pages = {"README.md": 4, "config.md": 1, "matrix.md": 1, "plugin.md": 2, "porting.md": 1, "rewards.md": 2}
    assert {name: count for name, count in found.items() if count} == pages


def test_readme_s_library_program_is_the_example_that_cells_run():
    blocks = [block for block in code_blocks("README.md", "python") if "rldk.integrations.trl" in block]
    assert "\n".join(blocks) == (ROOT / "examples/quickstart.py").read_text(encoding="utf-8")


def test_the_plugin_page_s_tests_are_the_example_that_cells_run():
    blocks = code_blocks("docs/plugin.md", "python")
    examples = ["test_two_processes.py", "test_marks.py"]  # the first one runs in the cells with two processes
    assert blocks == [(ROOT / "examples/pytest_plugin" / name).read_text(encoding="utf-8") for name in examples]


def test_the_rewards_page_s_program_is_the_example_that_cells_run():
    blocks = code_blocks("docs/rewards.md", "python")
    assert "\n\n".join(blocks) == (ROOT / "examples/rewards.py").read_text(encoding="utf-8")


def test_the_config_page_s_program_is_the_example_that_cells_run():
    (block,) = code_blocks("docs/config.md", "python")
    assert block == (ROOT / "examples/command_line.py").read_text(encoding="utf-8")


def test_readme_s_test_file_is_the_example_that_cells_run():
    (block,) = [block for block in code_blocks("README.md", "python") if "ppo_setup" in block]
    assert block == (ROOT / "examples/pytest_plugin/test_any_release.py").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("document", "there", "not_there"),
    [
        ("README.md", "trl_matrix(0.23.0)", ["trl_matrix(0.11.4)", "trl_matrix(0.23.0-ddp)"]),
        ("docs/matrix.md", "trl_matrix(0.23.0-ddp)", ["trl_matrix(0.23.0-zero2)"]),
    ],
)
def test_the_noxfile_of_a_page_declares_sessions(tmp_path, document, there, not_there):
    (block,) = [block for block in code_blocks(document, "python") if "rldk_trl.nox" in block]
    (tmp_path / "noxfile.py").write_text(block)
    listed = subprocess.run(
        [sys.executable, "-m", "nox", "-l"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert there in listed
    assert not [session for session in not_there if session in listed]
    assert "trl_report" in listed


def shell_lines() -> list[str]:
    return [
        line
        for document in DOCUMENTS
        for block in code_blocks(str(document.relative_to(ROOT)), "sh")
        for line in block.splitlines()
    ]


def test_the_two_commands_for_a_fresh_machine_are_those_that_ci_runs():
    nox = [line for line in shell_lines() if ".venv/bin/nox" in line]
    pattern = re.search(r"grep -E '(.*)' README\.md", (ROOT / ".ci/run").read_text(encoding="utf-8"))
    assert pattern is not None
    assert len(nox) == 2
    assert all(re.search(pattern[1], line) for line in nox)


PIPED = "pytest 2>&1 | python -m rldk_trl explain"


def test_the_line_that_explains_pytest_s_output(tmp_path):
    assert PIPED in shell_lines()
    (tmp_path / "test_it.py").write_text(
        "def test_it(): raise AttributeError(\"'NoneType' object has no attribute 'base_model_prefix'\")"
    )
    done = subprocess.run(
        ["bash", "-c", PIPED],
        cwd=tmp_path,
        env={
            **os.environ,
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "PYTHONPATH": str(ROOT / "src"),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("value-model-none\n")


@pytest.mark.parametrize("line", [line for line in shell_lines() if line.startswith("python -m rldk_trl ")])
def test_commands_run(line, tmp_path):
    """test_maintenance_commands.py runs those of `python -m rldk_maintenance`, in a copy of the checkout."""
    command, _, target = line.partition(" > ")
    module, *arguments = shlex.split(command)[2:]
    if arguments[0] == "port":
        (tmp_path / arguments[1]).write_text(*code_blocks("docs/porting.md", "python"), encoding="utf-8")
    if arguments[0] == "merge":
        for number, place in enumerate(arguments[1 : arguments.index("--into")]):
            write_synthetic(tmp_path / place, synthetic_result(list(STATUSES)[number]))
    result = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip()
    if target:
        assert "trl==0.23.0" in result.stdout.splitlines()
    if arguments[0] == "port" and "--json" not in arguments:
        (shown,) = code_blocks("docs/porting.md", "text")
        assert set(shown.splitlines()) <= set(result.stdout.splitlines())


def test_all_other_shell_lines_are_nox_sessions():
    others = [
        line
        for line in shell_lines()
        if not line.startswith("python -m rldk_") and ".venv/bin/nox" not in line and line != PIPED
    ]
    listed = subprocess.run(
        [sys.executable, "-m", "nox", "-l"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    for line in others:
        words = shlex.split(line)
        assert words[:2] == ["nox", "-s"], f"no test runs {line!r}"
        assert words[2] in listed


def test_what_the_matrix_page_shows_of_the_file_is_the_real_text():
    blocks = code_blocks("docs/matrix.md", "toml")
    assert len(blocks) == 4
    for shown in blocks:
        assert shown.strip() in (ROOT / "matrix.toml").read_text(encoding="utf-8")
    assert load_matrix(ROOT / "matrix.toml")


def test_links_between_documents_lead_somewhere():
    for document in DOCUMENTS:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text(encoding="utf-8")):
            assert (document.parent / Path(target)).exists(), f"{document.name}: {target}"
