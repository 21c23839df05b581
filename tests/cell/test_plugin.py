"""The plugin in this environment: a user's test file, start-up, fixtures, and the example program."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).parents[2]
HEAVY = ("torch", "transformers", "trl", "datasets")


@pytest.fixture
def downstream(tmp_path):
    """The ten lines that the documentation shows, in a folder that has nothing to do with this project."""
    source = (ROOT / "examples/pytest_plugin/test_any_release.py").read_text()
    assert len(source.splitlines()) <= 13
    (tmp_path / "test_any_release.py").write_text(source)
    return tmp_path


def test_a_downstream_file_passes_or_skips_with_the_reason(downstream, row, version, monkeypatch, capsys):
    # In this process: importing torch, transformers and trl once more would double the cell's time.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # other packages' plugins break `-W error`
    monkeypatch.chdir(downstream)
    strict = ["--strict-markers", "-W", "error", "-W", "ignore::pytest.PytestAssertRewriteWarning"]
    code = pytest.main(["-p", "rldk_trl", "-p", "no:cacheprovider", "-rs", *strict])
    out = capsys.readouterr().out
    assert f"rldk-trl: TRL {row.version} (" in out
    if version in SpecifierSet(">=0.7,<1.13"):
        assert "1 passed" in out, out
    else:
        assert "1 skipped" in out, out
        reason = f"this project trains with PPO (needs TRL >=0.7,<1.13; TRL {row.version} is installed"
        assert reason in out
    assert code == pytest.ExitCode.OK


def test_nothing_heavy_is_imported_to_collect(downstream):
    arguments = ["-p", "rldk_trl", "-p", "no:cacheprovider", "--collect-only", "-q", "--capture=no"]
    result = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "pytest", *arguments],
        cwd=downstream,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert result.returncode == 0, result.stdout
    assert "1 test collected" in result.stdout
    imported = {line.rsplit("|", 1)[-1].strip() for line in result.stderr.splitlines() if "|" in line}
    assert "rldk_trl.plugin.marks" in imported
    assert not {name for name in imported if name.partition(".")[0] in HEAVY}


@pytest.mark.trl_ppo
def test_the_fixtures_agree_with_the_row(ppo_setup, ppo_trainer, trl_release, row):
    from rldk.integrations.trl.releases.generations import installed_generation

    assert ppo_setup.release is trl_release
    assert trl_release.value_model_required is (row.api == "train")
    assert (ppo_setup.value_model is None) is (row.api == "step")
    assert isinstance(ppo_trainer, installed_generation().trainer)


@pytest.mark.trl_ppo
@pytest.mark.trl_config(num_ppo_epochs=3, response_length=5)
def test_the_config_mark_reaches_the_run(ppo_setup, row):
    name = "ppo_epochs" if row.api == "step" else "num_ppo_epochs"
    assert getattr(ppo_setup.config, name) == 3
    assert ppo_setup.config.response_length == 5


def test_the_tiny_model_is_the_same_bytes_each_time(tmp_path, tiny_gpt2):
    from rldk_trl.tiny import build_tiny_gpt2

    twin = build_tiny_gpt2(tmp_path / "tiny")
    contents = [{path.name: path.read_bytes() for path in folder.iterdir()} for folder in (tiny_gpt2, twin)]
    assert contents[0] == contents[1]
    assert len(contents[0]) >= 4


@pytest.mark.trl_ppo
def test_the_example_trains(monkeypatch, capsys, make_ppo_setup, row):
    example = ROOT / "examples/trl_integration/basic_ppo_integration.py"
    monkeypatch.setattr(sys, "argv", [str(example)])
    runpy.run_path(str(example), run_name="__main__")
    out = capsys.readouterr().out
    assert f"TRL {row.version}, PPO API: {row.api}" in out
    assert "update 1: " in out
    assert "update 2: " in out
