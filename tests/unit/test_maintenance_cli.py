"""``python -m rldk_maintenance``: it runs in a checkout only."""

from __future__ import annotations

import pytest

from rldk_maintenance import cli


@pytest.mark.parametrize("command", ["lock", "update", "architecture"])
def test_commands_of_a_checkout(capsys, monkeypatch, tmp_path, command):
    monkeypatch.setattr(cli, "checkout_root", lambda: tmp_path)
    assert cli.main([command]) == 2
    out, err = capsys.readouterr()
    assert (out, err) == ("", f"rldk_maintenance: {command}: not in a source checkout of rldk-trl; run it in one\n")
