"""PPO fixtures where there is no PPO to be had; real training is tested in each release's own environment."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from downstream_runs import Downstream

FIXTURES = """
    import pytest

    def test_setup(ppo_setup): pass

    def test_trainer(ppo_trainer): pass

    def test_make(make_ppo_setup): pass

    def test_plain(): pass
"""


def test_release_without_ppo(downstream: Downstream, trl_folder: Callable[[str], Path]) -> None:
    result = downstream.run(FIXTURES, trl=trl_folder("1.13.0"))
    result.assert_outcomes(passed=1, skipped=3)
    result.stdout.fnmatch_lines(
        ["SKIPPED *: needs a TRL with PPO (0.2.0-1.12.0); the installed TRL 1.13.0 has no PPO"]
    )


@pytest.mark.parametrize("version", ["0.11.4", "0.25.1", "1.12.0"])
def test_broken_release(downstream: Downstream, trl_folder: Callable[[str], Path], version: str) -> None:
    # Broken for real: the wheel is there, what it depends on is not.
    result = downstream.run(FIXTURES, "-W", "error", trl=trl_folder(version))
    result.assert_outcomes(passed=1, skipped=3)
    result.stdout.fnmatch_lines([f"SKIPPED *: needs a TRL with PPO that can be imported; *trl {version} is*"])
    result.stdout.fnmatch_lines(["SKIPPED *ModuleNotFoundError: No module named '*'*"])


def test_unreadable_release(downstream: Downstream, tmp_path: Path) -> None:
    # Stands in for a half-written installation, which no wheel can be.
    package = tmp_path / "site" / "trl"
    (package / "trainer").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "trainer" / "ppo_trainer.py").write_text("class PPOTrainer(")
    info = tmp_path / "site" / "trl-0.23.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: trl\nVersion: 0.23.0\n")
    result = downstream.run(FIXTURES, trl=tmp_path / "site")
    result.assert_outcomes(passed=1, skipped=3)
    result.stdout.fnmatch_lines(["rldk-trl: TRL 0.23.0 (PPO not readable: SyntaxError: *"])
    result.stdout.fnmatch_lines(["SKIPPED *the PPO of the installed TRL 0.23.0 cannot be read (SyntaxError: *"])


def test_tiny_model_without_transformers(downstream: Downstream) -> None:
    result = downstream.run("def test_it(tiny_gpt2): pass")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["SKIPPED *: needs transformers and torch; * is not installed: pip install *"])
