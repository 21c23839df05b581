"""The programs in README and docs that need TRL, run as they stand."""

from __future__ import annotations

import pytest

from blocks import code_blocks


@pytest.mark.trl_ppo
def test_readme_s_library_blocks_run_one_after_the_other(make_ppo_setup, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    blocks = [block for block in code_blocks("README.md", "python") if "rldk.integrations.trl" in block]
    assert len(blocks) == 2
    namespace: dict[str, object] = {"__name__": "readme"}
    for block in blocks:
        exec(compile(block, "README.md", "exec"), namespace)
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("{'kl'")]
    assert len(lines) == 2


def test_the_plugin_page_s_tests_run(tmp_path, monkeypatch, capsys, row):
    (block,) = code_blocks("docs/plugin.md", "python")
    (tmp_path / "test_page.py").write_text(block)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    code = pytest.main(["-p", "rldk_trl", "-p", "no:cacheprovider", "--strict-markers"])
    out = capsys.readouterr().out
    expected = {"train": "2 passed", "step": "1 passed, 1 skipped", "none": "1 skipped, 1 xfailed"}
    assert expected[row.api] in out, out
    assert code == pytest.ExitCode.OK
