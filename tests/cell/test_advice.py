"""A user's test that dies of TRL's own raw failure: pytest says what helps, serially and in the report's sections."""

from __future__ import annotations

import pytest

# By API: the raw failure, and what the catalogue calls it.
PROGRAMS = {
    "step": ("def test_it(): PPOConfig(output_dir='out')", "train-api-options"),
    "train": ("def test_it(): PPOConfig(model_name='gpt2')", "step-api-options"),
    "none": ("", "ppo-deleted"),  # it dies at collection
}


def test_a_test_that_dies_of_a_known_failure(tmp_path, monkeypatch, capsys, row, trl_release, measure):
    body, entry = PROGRAMS[row.api]
    module = trl_release.ppo_module or "trl"
    (tmp_path / "test_mine.py").write_text(f"from {module} import PPOConfig\n{body}\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    code = pytest.main(["-p", "rldk_trl", "-p", "no:cacheprovider", "-W", "ignore"])
    out = capsys.readouterr().out
    assert code == (pytest.ExitCode.INTERRUPTED if row.api == "none" else pytest.ExitCode.TESTS_FAILED), out
    near, _, summary = out.partition("= rldk-trl: known TRL failures =")
    assert f"{entry}: " in near
    assert f"\n{entry}: " in summary
    assert "\n  - test_mine.py" in summary
    measure("features", "advice in pytest's summary", "works")
