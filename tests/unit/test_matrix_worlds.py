"""Worlds: what ``matrix.toml`` says, and what follows for ids, tags, locks, installation and environment."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from test_matrix_schema import EXPECT, LINE, NO_PPO_ROW, ROW, TODAY, TOP, XFAIL, load

from rldk_trl.cell_protocol import WORLD_VARIABLE
from rldk_trl.errors import MatrixError
from rldk_trl.matrix.cells import Cell, all_cells, cells_in_worlds, select_cells
from rldk_trl.matrix.loader import load_matrix
from rldk_trl.matrix.locks import inputs_digest, lock_path, read_lock, read_pins
from rldk_trl.matrix.schema import SINGLE
from rldk_trl.runner import devices, uv_tool
from rldk_trl.runner.environment import cell_environment
from rldk_trl.runner.installing import install_commands
from rldk_trl.runner.resolving import compile_command

DDP = '[worlds.ddp]\nabout = "two"\nreleases = [">=0.2"]\n'
ZERO = '[worlds.zero2]\nabout = "z"\nextra = "fast"\nsmoke = true\n'
ZERO3 = ZERO.replace("zero2", "zero3")
GPU = '[worlds.gpu]\nabout = "g"\nreleases = ["==0.23.0"]\ndevice = "nvidia"\n'
EXTRA = (
    '[extras.fast]\ndate = 2026-11-20\nrequires = ["speed==1", "more"]\npackages = ["speed"]\n'
    'build = { speed = { SPEED_OPS = "0" } }\n'
)
SMOKE_ROW = ROW.replace(" }", ", smoke = true }")
CHANGE = '[[require]]\nreleases = "==0.23.0"\nextra = "fast"\nrequires = ["Speed==2"]\n'


def cells_of(tmp_path: Path, text: str) -> dict[str, Cell]:
    return {cell.id: cell for cell in all_cells(load(tmp_path, text))}


def test_a_world_has_cells_in_the_lane_period_for_releases_with_ppo(tmp_path):
    gone = NO_PPO_ROW.replace("0.23.0", "1.13.0").removeprefix("[releases]\n")
    cells = cells_of(tmp_path, TOP + TODAY + DDP + ROW + gone)
    assert list(cells) == ["0.23.0", "0.23.0-today", "0.23.0-ddp", "1.13.0", "1.13.0-today"]
    ddp = cells["0.23.0-ddp"]
    assert (ddp.lane.name, ddp.world.name, ddp.world.about) == ("period", "ddp", "two")
    assert {cell.world.name for name, cell in cells.items() if name != "0.23.0-ddp"} == {SINGLE}


def test_a_world_has_the_releases_that_match_and_the_smoke_releases_if_asked(tmp_path):
    lines = LINE.replace("0.23.0", "0.24.0") + LINE.replace("0.23.0", "1.0.0rc1")
    cells = cells_of(tmp_path, TOP + EXTRA + ZERO + 'releases = ["==1.0.*"]\n' + SMOKE_ROW + lines)
    assert [name for name in cells if "-" in name] == ["0.23.0-zero2", "1.0.0rc1-zero2"]


def test_tags_of_a_world_are_its_own(tmp_path):
    cells = cells_of(tmp_path, TOP + DDP + SMOKE_ROW + LINE.replace("0.23.0", "1.0.0"))
    assert cells["0.23.0"].tags == ["smoke", "period", "train"]
    assert cells["0.23.0-ddp"].tags == ["smoke-ddp", "ddp", "train"]
    assert cells["1.0.0-ddp"].tags == ["ddp", "train"]


def test_selection_by_tags_takes_worlds_along(tmp_path):
    cells = list(cells_of(tmp_path, TOP + TODAY + DDP + SMOKE_ROW + LINE.replace("0.23.0", "1.0.0")).values())
    assert [cell.id for cell in select_cells(cells, tags=["smoke"])] == ["0.23.0", "0.23.0-ddp"]
    assert [cell.id for cell in select_cells(cells, tags=["ddp"])] == ["0.23.0-ddp", "1.0.0-ddp"]
    assert [cell.id for cell in cells_in_worlds(cells, ["ddp"])] == ["0.23.0-ddp", "1.0.0-ddp"]
    with pytest.raises(MatrixError, match=r"world 'ddpp': it has none of these cells; use one of single, ddp"):
        cells_in_worlds(cells, ["ddpp"])


def test_a_block_for_a_world_is_about_that_world_only(tmp_path):
    rows = SMOKE_ROW + LINE.replace("0.23.0", "1.0.0").replace(" }", ", smoke = true }")
    worlds = DDP + EXTRA + ZERO
    exact = EXPECT + 'status = "pass"\nworld = "ddp"\n'
    every = XFAIL.replace("==0.23.0", ">=0.2") + 'world = "ddp"\n'
    cells = cells_of(tmp_path, TOP + TODAY + worlds + rows + every + exact)
    assert {name for name, cell in cells.items() if cell.expectation.status == "xfail"} == {"1.0.0-ddp"}
    cells = cells_of(tmp_path, TOP + TODAY + worlds + rows + XFAIL)
    failing = {name for name, cell in cells.items() if cell.expectation.status == "xfail"}
    assert failing == {"0.23.0", "0.23.0-today"}


def test_worlds_with_one_extra_share_a_lock_and_a_world_without_has_that_of_the_period(tmp_path):
    cells = cells_of(tmp_path, TOP + DDP + EXTRA + ZERO + ZERO3 + SMOKE_ROW)
    names = {name: lock_path(cell, tmp_path).name for name, cell in cells.items()}
    assert names == {
        "0.23.0": "0.23.0.txt",
        "0.23.0-ddp": "0.23.0.txt",
        "0.23.0-zero2": "0.23.0-fast.txt",
        "0.23.0-zero3": "0.23.0-fast.txt",
    }
    digests = {name: inputs_digest(cell) for name, cell in cells.items()}
    assert digests["0.23.0"] == digests["0.23.0-ddp"]
    assert digests["0.23.0-zero2"] == digests["0.23.0-zero3"]
    assert digests["0.23.0"] != digests["0.23.0-zero2"]
    with pytest.raises(MatrixError, match=r"lock 0\.23\.0-fast`"):
        read_lock(cells["0.23.0-zero3"], tmp_path)


def test_an_extra_adds_requirements_which_a_block_may_change_for_a_release(tmp_path):
    text = TOP + EXTRA + ZERO + SMOKE_ROW + LINE.replace("0.23.0", "1.0.0").replace(" }", ", smoke = true }")
    cells = cells_of(tmp_path, text + CHANGE)
    assert cells["1.0.0-zero2"].requirements[-2:] == ("speed==1", "more")
    assert cells["0.23.0-zero2"].requirements[-2:] == ("Speed==2", "more")
    assert cells["0.23.0"].requirements == ("trl==0.23.0", "torch==2.13.0", "datasets")
    before = {name: inputs_digest(cell) for name, cell in cells_of(tmp_path, text).items()}
    after = {name: inputs_digest(cell) for name, cell in cells.items()}
    assert {name for name, digest in after.items() if digest != before[name]} == {"0.23.0-zero2"}
    later = cells_of(tmp_path, text.replace("2026-11-20", "2026-11-19"))
    assert inputs_digest(later["1.0.0-zero2"]) != before["1.0.0-zero2"]


def test_the_packages_of_an_extra_have_a_date_of_their_own(tmp_path):
    cells = cells_of(tmp_path, TOP + EXTRA + ZERO + SMOKE_ROW)
    said = "speed=2026-11-20T23:59:59Z"
    assert said in compile_command("uv", cells["0.23.0-zero2"])
    assert said not in compile_command("uv", cells["0.23.0"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (DDP.replace("about", "abut") + ROW, "world ddp: `about` is missing"),
        (DDP + "foo = 1\n" + ROW, "world ddp: unknown key `foo`"),
        (DDP.replace('releases = [">=0.2"]', "") + ROW, 'world ddp: `releases` is missing; write e.g. [">=0.12"], or'),
        (DDP.replace('[">=0.2"]', '">=0.2"') + ROW, "world ddp: `releases` is '>=0.2'; write a list"),
        (DDP.replace(">=0.2", "0.2") + ROW, "world ddp: `releases`: Invalid specifier: '0.2'; write PEP 440"),
        (DDP.replace(">=0.2", "<0.2") + ROW, "world ddp: `releases` has '<0.2'; no release with PPO matches"),
        (DDP + NO_PPO_ROW, "world ddp: `releases` has '>=0.2'; no release with PPO matches"),
        (DDP.replace("[worlds.ddp]", "[worlds.single]") + ROW, "world single: write a name of lower-case letters and"),
        (DDP.replace("[worlds.ddp]", "[worlds.period]") + ROW, "digits that is not one of period, single"),
        (
            DDP.replace("[worlds.ddp]", "[worlds.d-p]") + ROW,
            "world d-p: write a name of lower-case letters",
        ),
        (ZERO + SMOKE_ROW, "world zero2: `extra` is 'fast'; write one of"),
        (GPU.replace("nvidia", "gpu") + ROW, "world gpu: `device` is 'gpu'; write one of 'nvidia'"),
        (EXTRA.replace("date = 2026-11-20\n", "") + ZERO + SMOKE_ROW, "extra fast: `date` is missing"),
        (EXTRA.replace('requires = ["speed==1", "more"]\n', "") + ROW, "extra fast: `requires` is missing or empty"),
        (EXTRA.replace("speed==1", "torch") + ROW, "extra fast: `requires` holds 'torch'; torch is pinned elsewhere"),
        (EXTRA.replace('"0"', "0") + ROW, "extra fast: build speed: `SPEED_OPS` is 0; write a string"),
        (EXTRA.replace("[extras.fast]", "[extras.period]") + ROW, "extra period: write a name of lower-case letters"),
        (ROW + XFAIL + 'world = "ddp"', "`world` is 'ddp'; write one of"),
        (DDP + ROW + XFAIL + 'world = "ddp"\nlane = "period"', "remove `world`, or `lane`"),
        (DDP + ROW + EXPECT + 'status = "no-ppo"\nreason = "r"\nworld = "ddp"', "a world has only releases with PPO"),
        (
            DDP + ROW + (XFAIL + 'world = "ddp"\n') * 2,
            "0.23.0 already has a block for world ddp; narrow",
        ),
        (
            GPU + ROW + LINE.replace("0.23.0", "1.0.0") + XFAIL.replace("==0.23.0", ">=1") + 'world = "gpu"',
            "expect number 1 (>=1): `releases` matches no release",
        ),
        (EXTRA + ZERO + SMOKE_ROW + CHANGE.replace("fast", "fats"), "`extra` is 'fats'; write one of 'fast'"),
        (EXTRA + ZERO + SMOKE_ROW + CHANGE.replace("==0.23.0", ">1"), "require number 1 (>1): `releases` matches no"),
        (EXTRA + ROW + CHANGE, "require number 1 (==0.23.0): `releases` matches no release"),
    ],
)
def test_every_mistake_is_one_clear_line(tmp_path, text, said):
    with pytest.raises(MatrixError) as caught:
        load(tmp_path, TOP + text)
    message = str(caught.value)
    assert message.startswith("matrix.toml: ")
    assert said in message
    assert "\n" not in message


def test_the_shipped_worlds():
    matrix = load_matrix()
    cells = all_cells(matrix)
    with_ppo = {release.version for release in matrix.releases if release.api != "none"}
    smoke = {release.version for release in matrix.releases if release.smoke} & with_ppo
    named = {
        world.name: {cell.release.version for cell in cells if cell.world == world and cell.lane.name == "period"}
        for world in matrix.worlds
    }
    assert list(named) == ["single", "ddp", "zero2", "zero3", "gpu"]
    assert named["ddp"] == with_ppo
    assert named["gpu"] == smoke
    assert named["zero2"] == named["zero3"] > smoke


def test_what_is_built_in_the_environment_comes_after_the_rest(tmp_path):
    cells = cells_of(tmp_path, TOP + DDP + EXTRA + ZERO + GPU + SMOKE_ROW)
    lock, rest = tmp_path / "lock.txt", tmp_path / "rest.txt"
    lock.write_text("# a comment\nspeed==1\ntrl==0.23.0\n", encoding="utf-8")

    def commands(cell: str) -> list[tuple[str, dict]]:
        made = install_commands(cells[cell], lock, "uv", Path("python"), ["ours", "-e", "."], rest)
        return [(" ".join(command).replace(" --python python", ""), dict(env)) for command, env in made]

    last = (f"uv pip install --constraints {lock} ours -e .", {})
    assert commands("0.23.0") == commands("0.23.0-ddp") == [(f"uv pip sync {lock}", {}), last]
    assert not rest.exists()
    assert commands("0.23.0-gpu") == [(f"uv pip install --exact --requirement {lock}", {}), last]
    assert commands("0.23.0-zero2") == [
        (f"uv pip sync {rest}", {}),
        ("uv pip install --no-deps --no-build-isolation speed==1", {"SPEED_OPS": "0"}),
        last,
    ]
    assert read_pins(rest.read_text(encoding="utf-8")) == {"trl": "0.23.0"}


def test_a_cell_is_told_its_world_and_sees_a_device_only_where_the_world_has_one(tmp_path, monkeypatch):
    monkeypatch.setattr(uv_tool, "_pip_config_find_links", lambda _environ: [])
    cells = cells_of(tmp_path, TOP + DDP + GPU + SMOKE_ROW)
    base = {"CUDA_VISIBLE_DEVICES": "1", WORLD_VARIABLE: "of the caller", "UV_FIND_LINKS": "/x"}
    env = {name: cell_environment(cell, base, {}) for name, cell in cells.items()}
    told = {name: (one.get("RLDK_TRL_WORLD"), one["CUDA_VISIBLE_DEVICES"]) for name, one in env.items()}
    assert told == {"0.23.0": (None, ""), "0.23.0-ddp": ("ddp", ""), "0.23.0-gpu": ("gpu", "1")}
    backend = {name: cell_environment(cell, {}, {}) for name, cell in cells.items()}
    assert [one.get("UV_TORCH_BACKEND") for one in backend.values()] == ["cpu", "cpu", "auto"]
    own = cell_environment(cells["0.23.0-ddp"], base, {"OMP_NUM_THREADS": "2"})
    assert (own["OMP_NUM_THREADS"], own["RLDK_TRL_CELL"]) == ("2", "0.23.0-ddp")


@pytest.mark.parametrize(
    ("program", "name"),
    [
        (None, None),
        ("echo 'NVIDIA H100 80GB HBM3'; echo 'NVIDIA A100'", "NVIDIA H100 80GB HBM3"),
        ("echo 'No devices were found'; exit 6", None),
        ("true", None),
    ],
)
def test_the_device_is_what_the_driver_names(tmp_path, monkeypatch, program, name):
    if program:
        path = tmp_path / "nvidia-smi"
        path.write_text(f"#!/bin/sh\n{program}\n", encoding="utf-8")
        path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/usr/bin-of-nobody")
    assert devices.device_name("nvidia") == name
