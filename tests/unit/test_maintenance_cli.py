"""``python -m rldk_maintenance``: it runs in a checkout only."""

from __future__ import annotations

import subprocess
import sys

import pytest

from rldk_maintenance import cli


@pytest.mark.parametrize("command", ["lock", "update", "architecture"])
def test_commands_of_a_checkout(capsys, monkeypatch, tmp_path, command):
    monkeypatch.setattr(cli, "checkout_root", lambda: tmp_path)
    assert cli.main([command]) == 2
    out, err = capsys.readouterr()
    assert (out, err) == ("", f"rldk_maintenance: {command}: not in a source checkout of rldk-trl; run it in one\n")


def test_update_without_tomlkit_is_one_line(capsys, monkeypatch, tmp_path):
    (tmp_path / "matrix.toml").touch()
    monkeypatch.setattr(cli, "checkout_root", lambda: tmp_path)
    monkeypatch.setitem(sys.modules, "tomlkit", None)
    for module in ("rows", "update"):
        monkeypatch.delitem(sys.modules, f"rldk_maintenance.updating.{module}", raising=False)
    assert cli.main(["update", "--no-run"]) == 2
    said = "rldk_maintenance: update: needs tomlkit; run `nox -s matrix_update`, which installs it\n"
    assert capsys.readouterr() == ("", said)


def test_nothing_but_update_needs_tomlkit():
    code = "import sys, rldk_maintenance.cli, rldk_trl.cli, rldk_trl.nox; print('tomlkit' in sys.modules)"
    path = ":".join(sys.path)
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": path}, capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"
