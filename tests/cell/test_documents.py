"""The programs that README and docs show, run as they stand; a unit test holds the documents to these files."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.trl_ppo
def test_readme_s_library_program(make_ppo_setup, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    namespace = runpy.run_path(str(EXAMPLES / "quickstart.py"))
    assert namespace["model"] is namespace["models"].model
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("{'kl'")]
    assert len(lines) == 2


def test_the_plugin_page_s_tests(tmp_path, monkeypatch, capsys, row):
    (tmp_path / "test_page.py").write_text((EXAMPLES / "pytest_plugin/test_marks.py").read_text(encoding="utf-8"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    code = pytest.main(["-p", "rldk_trl", "-p", "no:cacheprovider", "--strict-markers"])
    out = capsys.readouterr().out
    expected = {"train": "2 passed", "step": "1 passed, 1 skipped", "none": "1 skipped, 1 xfailed"}
    assert expected[row.api] in out, out
    assert code == pytest.ExitCode.OK
