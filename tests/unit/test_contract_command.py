"""``python -m rldk_maintenance contract``, on an index and a checkout of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from small_index import GOOD, entry, serve

from rldk_maintenance import cli
from rldk_maintenance.contract import data, session
from rldk_maintenance.errors import ContractError


@pytest.fixture
def served(monkeypatch):
    with serve() as here:
        monkeypatch.setenv("UV_DEFAULT_INDEX", f"{here.url}/simple")
        here.add("/files/a.whl", GOOD)
        yield here


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A checkout of its own for the command to write into."""
    page = tmp_path / "docs" / "generations.md"
    page.parent.mkdir()
    page.write_text("".join(f"<!-- contract: {name} -->\n<!-- end -->\n" for name in session.tables.TABLES))
    monkeypatch.setattr(session, "checkout_root", lambda: tmp_path)
    monkeypatch.setattr(cli, "checkout_root", lambda: tmp_path)
    monkeypatch.setattr(session, "_DATA_FILE", tmp_path / "releases.json")
    monkeypatch.setattr(session.option_releases, "OPTIONS_FILE", tmp_path / "option_releases.json")
    monkeypatch.setattr(session.name_places, "NAMES_FILE", tmp_path / "names.json")
    return tmp_path


def test_the_command(served, checkout, capsys):
    served.listing(entry("1.0", "/files/a.whl"))
    assert cli.main(["contract"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        *("releases.json", "docs/generations.md", "option_releases.json", "names.json")
    ]
    page = checkout / "docs" / "generations.md"
    whole = page.read_text()
    assert "| 1.0 | 1 | train | `trl` |" in whole
    assert json.loads((checkout / "option_releases.json").read_text())["kl_coef"] == "1.0"
    places = json.loads((checkout / "names.json").read_text())["names"]["PPOTrainer"]
    assert places == {"trl": ">=1.0", "trl.trainer": ">=1.0", "trl.trainer.ppo_trainer": ">=1.0"}
    page.write_text(whole.replace("1.0", "9.9"))
    assert cli.main(["contract", "--docs"]) == 0
    assert page.read_text() == whole


def test_the_command_fails_where_a_release_was_not_read(served, checkout, capsys):
    before = (checkout / "docs" / "generations.md").read_text()
    served.listing(entry("1.0", "/files/a.whl"), entry("1.1", "/files/gone.whl", b"?"))
    assert cli.main(["contract"]) == 2
    assert "contract: 1 of 2 releases were not read, first 1.1 (gone.whl" in capsys.readouterr().err
    assert data.load(checkout / "releases.json").releases[1].error.startswith("gone.whl")
    assert cli.main(["contract", "--docs"]) == 2
    assert "releases.json: 1.1 was not read" in capsys.readouterr().err
    assert (checkout / "docs" / "generations.md").read_text() == before
    assert not (checkout / "option_releases.json").exists()


@pytest.mark.usefixtures("served")
def test_without_a_listing_nothing_is_written(checkout, capsys):
    assert cli.main(["contract"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not (checkout / "releases.json").exists()


def test_outside_a_checkout(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(session, "checkout_root", lambda: tmp_path)
    for argv in (["contract"], ["contract", "--docs"]):
        assert cli.main(argv) == 2
        assert "run it in a source checkout" in capsys.readouterr().err


def test_a_page_without_a_block(checkout):
    page = checkout / "docs" / "generations.md"
    page.write_text(page.read_text().replace("contract: warnings", "contract: writes"))
    with pytest.raises(ContractError, match="look at 'warnings'"):
        session.tables.fill(page.read_text(), data.Contract(()))


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"schema": 2}', '{"schema": 1, "releases": {"1.0": {"x": 1}}, "facts": {}}'],
)
def test_data_that_cannot_be_read(tmp_path, text):
    (tmp_path / "releases.json").write_text(text)
    with pytest.raises(ContractError, match=r"^releases\.json: .*run `nox -s trl_contract`$"):
        data.load(tmp_path / "releases.json")


WITHOUT = "import sys; sys.modules['pypi_simple'] = None; from rldk_maintenance.cli import main; sys.exit(main())"


@pytest.mark.parametrize(
    ("argv", "status"),
    [(["contract"], 2), (["update"], 2), (["nightly", "--junit", "gone.xml", "--exit-code", "1"], 0)],
)
def test_without_the_index_client_only_what_asks_the_index_fails(tmp_path, argv, status):
    """The workflow `trl-main` runs `nightly` with nothing but this package installed."""
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, *argv],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(data.__file__).parents[2])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status, done.stderr
    said = "contract: pypi_simple is not installed; use nox, or install the group `maintenance` of pyproject.toml\n"
    assert done.stderr == (f"rldk_maintenance: {said}" if status else "")
