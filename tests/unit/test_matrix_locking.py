"""Locks: their text, and that a stale one is found without the network."""

from __future__ import annotations

import dataclasses
import datetime

import pytest

from rldk_maintenance.locking import render_lock
from rldk_trl.errors import MatrixError, ResolutionError
from rldk_trl.matrix.cells import Cell, all_cells, find_cell
from rldk_trl.matrix.loader import load_matrix
from rldk_trl.matrix.locks import inputs_digest, lock_path, read_lock, read_pins
from rldk_trl.runner import uv_tool
from rldk_trl.runner.resolving import compile_command


@pytest.fixture
def cell() -> Cell:
    return find_cell(load_matrix(), "0.23.0")


@pytest.mark.parametrize("shipped", all_cells(load_matrix()), ids=lambda cell: cell.id)
def test_every_shipped_lock_is_current_and_portable(shipped):
    text = read_lock(shipped)
    pins = read_pins(text)
    assert pins["trl"] == shipped.release.version
    assert pins["torch"] == shipped.matrix.torch
    assert {"transformers", "datasets", "pytest", "pytest-xdist", "packaging"} <= set(pins)
    assert "+" not in "".join(pins.values())
    assert "://" not in text
    assert list(pins) == sorted(pins)


def test_render_strips_local_labels_and_sorts(cell):
    text = render_lock(cell, ["torch==2.13.0+cpu", "Jinja2==3.1", ""])
    assert [line for line in text.splitlines() if line[0] != "#"] == ["jinja2==3.1", "torch==2.13.0"]
    assert "pip install -c 0.23.0.txt trl" in text


@pytest.mark.parametrize("line", ["a>=1", "a==1; sys_platform == 'win32'", "a"])
def test_render_refuses_what_is_no_pin(cell, line):
    with pytest.raises(ResolutionError, match="not an exact pin"):
        render_lock(cell, [line])


def test_lock_is_read_back(cell, tmp_path):
    lock_path(cell, tmp_path).write_text(render_lock(cell, ["trl==0.23.0"]), encoding="utf-8")
    assert read_pins(read_lock(cell, tmp_path)) == {"trl": "0.23.0"}


def test_missing_lock(cell, tmp_path):
    with pytest.raises(MatrixError, match=r"missing; run `python -m rldk_maintenance lock 0\.23\.0`"):
        read_lock(cell, tmp_path)


def changed(cell: Cell, what: str) -> Cell:
    matrix, release = cell.matrix, cell.release
    later = datetime.date(2030, 1, 1)
    if what == "cutoff":
        return dataclasses.replace(cell, release=dataclasses.replace(release, cutoff=later))
    if what == "pins of the row":
        return dataclasses.replace(cell, release=dataclasses.replace(release, requires=("numpy<2",)))
    if what == "version":
        return dataclasses.replace(cell, release=dataclasses.replace(release, version="0.23.1"))
    if what == "lane":
        return dataclasses.replace(cell, lane=dataclasses.replace(cell.lane, name="today"))
    changes = {
        "torch": {"torch": "2.14.0"},
        "python": {"python": "3.12"},
        "tools": {"requires": ("pytest>=8",)},
        "fixed date": {"fixed": dataclasses.replace(matrix.fixed, date=later)},
        "fixed packages": {"fixed": dataclasses.replace(matrix.fixed, packages=("torch",))},
    }
    return dataclasses.replace(cell, matrix=dataclasses.replace(matrix, **changes[what]))


@pytest.mark.parametrize(
    "what",
    [
        "cutoff",
        "pins of the row",
        "version",
        "lane",
        "torch",
        "python",
        "tools",
        "fixed date",
        "fixed packages",
    ],
)
def test_a_lock_of_other_inputs_is_stale(cell, tmp_path, what):
    other = changed(cell, what)
    assert inputs_digest(other) != inputs_digest(cell)
    (tmp_path / f"{other.id}.txt").write_text(render_lock(cell, ["trl==0.23.0"]), encoding="utf-8")
    with pytest.raises(
        MatrixError, match=r"stale, matrix\.toml has changed since; run `python -m rldk_maintenance lock"
    ):
        read_lock(other, tmp_path)


def test_expectation_is_no_input_of_a_lock(cell):
    release = dataclasses.replace(cell.release, smoke=False)
    assert inputs_digest(dataclasses.replace(cell, release=release)) == inputs_digest(cell)


def test_cutoffs_are_absolute_utc(cell):
    command = compile_command("uv", cell)
    assert command[command.index("--exclude-newer") + 1] == "2025-09-20T23:59:59Z"
    assert "torch=2026-11-01T23:59:59Z" in command


def test_nothing_in_the_lane_today_is_older_than_its_date():
    command = compile_command("uv", find_cell(load_matrix(), "0.23.0-today"))
    assert command[command.index("--exclude-newer") + 1] == "2026-11-20T23:59:59Z"
    assert "--exclude-newer-package" not in command
    setuptools = {
        read_pins(read_lock(cell))["setuptools"] for cell in all_cells(load_matrix()) if cell.lane.name == "today"
    }
    assert len(setuptools) == 1  # what a plain install gives, with no row's bound


@pytest.mark.parametrize(
    ("environ", "added"),
    [
        ({"UV_FIND_LINKS": "/x", "PIP_FIND_LINKS": "/y"}, {}),
        ({"PIP_FIND_LINKS": "/x /y"}, {"UV_FIND_LINKS": "/x,/y"}),
        ({}, {"UV_TORCH_BACKEND": "cpu"}),
        ({"UV_TORCH_BACKEND": "cu130"}, {}),
    ],
)
def test_uv_finds_torch_where_pip_does(environ, added, monkeypatch):
    monkeypatch.setattr(uv_tool, "_pip_config_find_links", lambda _environ: [])
    assert uv_tool.uv_environment(environ) == added


@pytest.mark.parametrize(
    ("listing", "links"),
    [
        ("global.cert='/c'\nglobal.find-links='/links'\n", ["/links"]),
        ("install.find-links='\\n/a\\n/b'\n", ["/a", "/b"]),
        (":env:.find-links='/x'\n", []),
        ("", []),
    ],
)
def test_find_links_of_pips_configuration(listing, links):
    assert uv_tool._find_links(listing) == links
