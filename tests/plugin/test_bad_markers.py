from __future__ import annotations

import pytest
from downstream_runs import Downstream

SOURCE = """
    import pytest

    def test_good(): pass

    @pytest.mark.trl(">=0.12 <0.26")
    def test_bad(): pass

    @pytest.mark.trl
    @pytest.mark.trl_xfail("<0.23")
    def test_not_masked_by_our_skip(): pass

    @pytest.mark.skip
    @pytest.mark.trl_ppo("v2")
    def test_not_masked_by_a_skip(): pass

    @pytest.mark.xfail
    @pytest.mark.trl_requires("transformers=>5")
    def test_not_masked_by_an_xfail(): assert False

    @pytest.mark.trl_config({"seed": 1})
    class TestClass:
        def test_inherits(self): pass
"""


def test_each_fails_its_test_with_one_line(downstream: Downstream, spread: tuple[str, ...]) -> None:
    result = downstream.run(SOURCE, "--strict-markers", *spread)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(passed=1, errors=5)
    lines = [line for line in result.outlines if line.startswith("bad marker ")]
    assert sorted(line.partition(":")[0] for line in lines) == [
        "bad marker trl('>=0.12 <0.26')",
        "bad marker trl_config({'seed'",
        "bad marker trl_ppo('v2')",
        "bad marker trl_requires('transformers=>5')",
        "bad marker trl_xfail('<0.23')",
    ]
    assert all("; write e.g. @pytest.mark.trl" in line for line in lines)
    assert "Traceback" not in result.stdout.str()


def test_a_run_of_bad_markers_alone_is_not_green(downstream: Downstream, spread: tuple[str, ...]) -> None:
    source = """
        import pytest
        pytestmark = pytest.mark.trl("nonsense")
        def test_it(): pass
    """
    result = downstream.run(source, *spread)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(errors=1)
