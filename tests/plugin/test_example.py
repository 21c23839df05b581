"""The ten lines of the documentation where no TRL is installed; each cell runs them where one is."""

from __future__ import annotations

from pathlib import Path

EXAMPLE = Path(__file__).parents[2] / "examples/pytest_plugin/test_any_release.py"


def test_it_skips_with_the_reason_where_no_trl_is_installed(pytester, monkeypatch):
    pytester.makepyfile(test_any_release=EXAMPLE.read_text(encoding="utf-8"))
    result = pytester.runpytest_subprocess("-p", "rldk_trl", "-rs", "-p", "no:cacheprovider")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(
        [
            "rldk-trl: TRL not installed, *",
            "*this project trains with PPO (needs TRL >=0.7,<1.13; TRL is not installed)*",
        ]
    )
