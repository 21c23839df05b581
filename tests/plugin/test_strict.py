from __future__ import annotations

import pytest
from downstream_runs import Downstream

SOURCE = """
    import pytest

    def test_good(): pass

    @pytest.mark.trl
    def test_mark(): pass

    def test_fixture(ppo_setup): pass

    def test_session_fixture(trl_release): pass

    @pytest.mark.xfail
    @pytest.mark.trl
    def test_not_excused_by_an_xfail(): assert False

    @pytest.mark.xfail
    def test_fixture_not_excused_by_an_xfail(ppo_trainer): assert False

    @pytest.mark.skip(reason="mine")
    def test_own_skip(): pass

    @pytest.mark.skip(reason="mine")
    @pytest.mark.trl
    def test_own_skip_first(): pass

    def test_skips_itself(): pytest.skip("mine")

    @pytest.mark.trl_xfail(reason="known")
    def test_no_skip_of_ours(): pass
"""


def test_our_skips_fail(downstream: Downstream, spread: tuple[str, ...]) -> None:
    result = downstream.run(SOURCE, "--trl-strict", *spread)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(passed=2, errors=5, skipped=3)
    result.stdout.fnmatch_lines_random(
        [
            "ERROR *::test_mark - Failed: --trl-strict: needs TRL; TRL is not installed",
            "ERROR *::test_fixture - Failed: --trl-strict: needs a TRL with PPO (0.2.0-1.12.0); TRL is not *",
        ]
    )
    assert "Traceback" not in result.stdout.str()


def test_without_strict_they_skip(downstream: Downstream) -> None:
    result = downstream.run(SOURCE)
    assert result.ret == pytest.ExitCode.OK
    result.assert_outcomes(passed=2, skipped=8)
    result.stdout.fnmatch_lines(["SKIPPED *: needs a TRL with PPO (0.2.0-1.12.0); TRL is not installed"])


def test_ini_twin(downstream: Downstream) -> None:
    downstream.pytester.makeini("[pytest]\ntrl_strict = true\n")
    downstream.run(SOURCE).assert_outcomes(passed=2, errors=5, skipped=3)
