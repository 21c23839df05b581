"""Every documented `python -m rldk_maintenance` command, run as it is documented in a copy of this checkout.

Only what asks the network has a stand-in: the package index is a small one on this machine, and uv is a program that
prints the pins of the shipped locks.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import quoteattr

import pytest
from small_index import GOOD, entry, serve

from blocks import DOCUMENTS, ROOT
from rldk_maintenance.tables import data
from rldk_trl.matrix.cells import all_cells, cells_in_worlds
from rldk_trl.matrix.loader import load_matrix
from rldk_trl.matrix.locks import read_lock, read_pins
from rldk_trl.matrix.schema import SINGLE
from rldk_trl.runner.junit import TestCounts
from rldk_trl.runner.outcome import DECLARED
from rldk_trl.runner.results import CellResult, result_files, write_result

MATRIX = load_matrix()
CELLS = all_cells(MATRIX)
LOCKS = "src/rldk_trl/constraints"
CONFIG = "src/rldk/integrations/trl/config"
ADVICE = "src/rldk/integrations/trl/advice"

LOCK, LOCK_ALL, UPDATE, CONTRACT_DOCS, TABLES = (
    f"python -m rldk_maintenance {words}"
    for words in ("lock 0.23.0 0.23.0-today", "lock", "update", "contract --docs", "tables")
)


def test_every_documented_command_is_run_here():
    command = re.compile(r"^(python -m rldk_maintenance .+)$|`(python -m rldk_maintenance [^`]+)`", re.MULTILINE)
    found = {line or span for page in DOCUMENTS for line, span in command.findall(page.read_text(encoding="utf-8"))}
    assert found == {LOCK, LOCK_ALL, UPDATE, CONTRACT_DOCS, TABLES}


@dataclass
class Checkout:
    """A copy of this checkout."""

    root: Path
    stand_ins: Path

    def run(self, command: str, **environ: str) -> list[str]:
        """Run a command line in it; returns the lines of its output."""
        program, *arguments = shlex.split(command)
        assert program == "python"
        path = os.pathsep.join([str(self.root / "src"), str(self.stand_ins)])
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.root,
            env={**os.environ, "PYTHONPATH": path, **environ},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    def changed(self) -> list[str]:
        """The shipped files that are not as they are shipped."""
        files = [path for path in self.root.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
        names = [str(path.relative_to(self.root)) for path in files if ".matrix" not in path.parts]
        return sorted(name for name in names if (self.root / name).read_bytes() != (ROOT / name).read_bytes())

    def spoil(self, name: str, text: str) -> None:
        """Take the text out of a shipped file, so that it shows whether a command puts it back."""
        path = self.root / name
        whole = path.read_text(encoding="utf-8")
        assert text in whole
        path.write_text(whole.replace(text, ""), encoding="utf-8")


# `python -m uv` and nox find the real program by this module; find_uv asks it too.
UV_MODULE = "def find_uv_bin():\n    return {!r}\n"
UV_PROGRAM = """#!/bin/sh
read -r trl
last=$(tail -n 1)
for argument; do case $argument in *T23:59:59Z) break ;; esac; done
exec cat "{}/$trl $last $argument"
"""


@pytest.fixture
def checkout(tmp_path):
    root, stand_ins = tmp_path / "checkout", tmp_path / "stand-ins"
    for name in ("src", "docs"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "matrix.toml", root)
    answers = stand_ins / "answers"
    answers.mkdir(parents=True)
    for cell in CELLS:
        pins = "".join(f"{name}=={version}\n" for name, version in read_pins(read_lock(cell)).items())
        answer = answers / f"{cell.requirements[0]} {cell.requirements[-1]} {cell.cutoff}T23:59:59Z"
        assert not answer.exists() or answer.read_text() == pins, "two cells ask uv for the same"
        answer.write_text(pins)
    program = stand_ins / "uv"
    program.write_text(UV_PROGRAM.format(answers))
    program.chmod(0o755)
    (stand_ins / "uv.py").write_text(UV_MODULE.format(str(program)))
    return Checkout(root, stand_ins)


def test_lock_of_two_cells(checkout):
    for cell in ("0.23.0", "0.23.0-today"):
        checkout.spoil(f"{LOCKS}/{cell}.txt", "trl==0.23.0")
    assert checkout.run(LOCK) == ["0.23.0: 0.23.0.txt", "0.23.0-today: 0.23.0-today.txt"]
    assert checkout.changed() == []


def test_a_lock_that_cells_share_is_made_once_and_has_a_name_too(checkout):
    name = f"{LOCKS}/0.23.0-deepspeed.txt"
    for asked in ("0.23.0-zero2 0.23.0-zero3", "0.23.0-deepspeed"):
        checkout.spoil(name, "deepspeed==0.19.8")
        assert checkout.run(f"{LOCK_ALL} {asked}") == ["0.23.0-zero2: 0.23.0-deepspeed.txt"]
        assert checkout.changed() == []


def test_lock_of_all_cells(checkout):
    shutil.rmtree(checkout.root / LOCKS)
    (checkout.root / LOCKS).mkdir()
    locks = {cell.lock_name: cell for cell in reversed(CELLS)}
    said = checkout.run(LOCK_ALL)
    assert sorted(said) == sorted(f"{cell.id}: {name}.txt" for name, cell in locks.items())
    assert len(list((checkout.root / LOCKS).iterdir())) == len(locks)
    assert checkout.changed() == []


def test_update_where_no_release_is_new(checkout):
    """A new one would be installed and run, which takes minutes: test_matrix_update.py tests what is done with it."""
    (checkout.root / LOCKS / "0.24.0.txt").unlink()
    with serve() as index:
        index.listing(*(entry(release.version, "/files/a.whl") for release in MATRIX.releases))
        said = checkout.run(UPDATE, UV_DEFAULT_INDEX=f"{index.url}/simple")
        assert index.paths == ["/simple/trl/"]
    assert said == ["0.24.0.txt: resolved"]
    assert (checkout.root / LOCKS / "0.24.0.txt").is_file()
    assert checkout.changed() == []


def test_contract_docs(checkout):
    spoiled = {
        "docs/generations.md": "| 0.2.0-0.8.6 | 33 |",
        f"{CONFIG}/option_releases.json": '  "adap_kl_ctrl": "0.2.0-0.11.4",',
        f"{ADVICE}/names.json": '   "trl": ">=0.3.0,<0.14.0",',
        "docs/config.md": "| `learning_rate` | 0.2.0: `1e-05`;",
    }
    for name, text in spoiled.items():
        checkout.spoil(name, text)
    assert checkout.run(CONTRACT_DOCS) == list(spoiled)
    assert checkout.changed() == []


def test_contract(checkout):
    """What `nox -s trl_contract` runs."""
    with serve() as index:
        index.add("/files/a.whl", GOOD)
        index.listing(entry("1.0", "/files/a.whl"))
        said = checkout.run(CONTRACT_DOCS.removesuffix(" --docs"), UV_DEFAULT_INDEX=f"{index.url}/simple")
    assert said[:2] == ["src/rldk_maintenance/contract/releases.json", "docs/generations.md"]
    assert '"1.0": {"date": "2024-05-06"' in (checkout.root / said[0]).read_text(encoding="utf-8")
    assert "| 1.0 | 1 | train | `trl` |" in (checkout.root / said[1]).read_text(encoding="utf-8")


def test_tables(checkout):
    """From notes as cells write them, taken from the shipped data, to the shipped page and table."""
    shipped = data.load(data.DATA_FILE)
    for cell in cells_in_worlds(CELLS, [SINGLE]):
        write_run(checkout.root, cell, shipped)
    checkout.spoil("docs/measured.md", "| LoRA policy |")
    checkout.spoil(f"{CONFIG}/defaults.json", "1.41e-05")
    table = "src/rldk_maintenance/tables/measured.json"
    assert checkout.run(TABLES) == [table, "docs/failures.md", "docs/measured.md", f"{CONFIG}/defaults.json"]
    assert checkout.changed() == ["docs/failures.md", table]  # no failure is among the notes


def write_run(root, cell, shipped):
    """A cell's result and JUnit XML, with the notes that the shipped data have of it, but those of failures."""
    release, lane = cell.release.version, cell.lane.name
    counts = TestCounts(passed=int(release in shipped.lanes[lane]))
    status = DECLARED[cell.expectation.status]
    finished = shipped.finished
    write_result(root, CellResult(cell.id, release, lane, status, None, None, 1.0, tests=counts, finished=finished))
    notes = "".join(
        f"<property name='rldk_trl:{table}' value={quoteattr(f'{entry}: {saw}')}/>"
        for table in shipped.tables
        if table != "failures"
        for entry, by_saw in shipped.tables[table].items()
        for saw, by_lane in by_saw.items()
        if release in by_lane.get(lane, ())
    )
    case = f"<testcase name='test_it'><properties>{notes}</properties></testcase>" * counts.passed
    text = f"<testsuites><testsuite>{case}</testsuite></testsuites>"
    result_files(root, cell.id).junit.write_text(text, encoding="utf-8")
