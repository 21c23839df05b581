"""The class of each failed test's exception in JUnit XML, where a cell asks for it, read as the runner reads it."""

from __future__ import annotations

from pathlib import Path

import pytest
from downstream_runs import Downstream

from rldk_trl.cell_protocol import EXCEPTION, EXCEPTIONS_VARIABLE
from rldk_trl.runner.junit import JUnitReport, TestCounts, read_junit

MINE = """
    class MineError(Exception): pass
"""
SOURCE = """
    import unittest
    import pytest
    from mine import MineError

    def test_good(): pass

    def test_assert(): assert 1 == 2

    def test_of_another_module(): raise MineError("with: colon")

    def test_without_message(): raise MineError

    def test_of_a_function():
        class LocalError(Exception): pass
        raise LocalError("x")

    def test_message_like_another(): raise ValueError("first line\\nKeyError: 1")

    def test_did_not_raise():
        with pytest.raises(KeyError): pass

    def test_fail(): pytest.fail("said\\nby it", pytrace=False)

    def test_caused():
        try:
            raise KeyError("first")
        except KeyError as error:
            raise MineError("second") from error

    def test_in_an_except():
        try:
            raise KeyError("first")
        except KeyError:
            raise MineError("second")

    def test_group(): raise ExceptionGroup("together", [KeyError("a"), ValueError("b")])

    def test_group_of_one(): raise ExceptionGroup("alone", [KeyError("a")])

    @pytest.mark.xfail(strict=True, reason="thought broken")
    def test_strict_xfail(): pass

    @pytest.mark.xfail(raises=KeyError, strict=True)
    def test_xfail_of_another_kind(): raise ValueError("x")

    @pytest.mark.xfail(strict=True)
    def test_xfail_as_marked(): assert False

    class TestUnit(unittest.TestCase):
        def test_it(self): self.assertEqual(1, 2)

    @pytest.fixture
    def broken_start(): raise MineError("at the start")

    @pytest.fixture
    def broken_end():
        yield
        raise LookupError("at the end")

    @pytest.fixture
    def broken_both(broken_end): raise MineError("at the start")

    def test_setup(broken_start): pass

    def test_teardown(broken_end): pass

    def test_setup_and_teardown(broken_both): pass

    def test_no_fixture(there_is_none): pass

    def test_call_and_teardown(broken_end): raise KeyError("in the call")
"""
EXPECTED = {
    "test_assert": ["AssertionError"],
    "test_of_another_module": ["MineError"],
    "test_without_message": ["MineError"],
    "test_of_a_function": ["LocalError"],
    "test_message_like_another": ["ValueError"],
    "test_did_not_raise": ["Failed"],
    "test_fail": ["Failed"],
    "test_caused": ["MineError"],
    "test_in_an_except": ["MineError"],
    "test_group": ["ExceptionGroup"],
    "test_group_of_one": ["ExceptionGroup"],
    "test_strict_xfail": ["unknown"],
    "test_xfail_of_another_kind": ["ValueError"],
    "test_it": ["AssertionError"],
    "test_setup": ["MineError"],
    "test_teardown": ["LookupError"],
    "test_setup_and_teardown": ["MineError"],
    "test_no_fixture": ["FixtureLookupError"],
    "test_call_and_teardown": ["KeyError", "LookupError"],
}


@pytest.fixture
def run(downstream: Downstream, spread: tuple[str, ...], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(EXCEPTIONS_VARIABLE, "1")

    def run(source: str, **files: str) -> JUnitReport:
        downstream.pytester.makepyfile(mine=MINE, **files)
        downstream.run(source, "-p", "junitxml", "--junitxml=it.xml", *spread)
        return read_junit(downstream.pytester.path / "it.xml")

    return run


def exceptions(report: JUnitReport) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for failure in report.failures:
        found.setdefault(failure.test.rpartition(".")[2], []).append(failure.exception)
    return found


def test_failed_tests(run) -> None:
    report = run(SOURCE)
    assert exceptions(report) == EXPECTED
    assert report.counts == TestCounts(passed=1, failed=15, errors=5, xfailed=1)
    messages = {failure.test.rpartition(".")[2]: failure.message for failure in report.failures}
    assert messages["test_fail"] == "Failed: said\nby it"
    assert "at the start" in messages["test_setup_and_teardown"]
    assert "at the end" in messages["test_call_and_teardown"], "the one read last"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("from json import no_such_name", "ImportError: cannot import name 'no_such_name' from 'json' "),
        ("import broken", "MineError: in a module of its own"),
        ("raise ValueError", "ValueError: "),
        ("raise ValueError('one\\nKeyError: two')", "ValueError: one KeyError: two"),
        ("def broken(:", "SyntaxError: invalid syntax "),
        ("raise ExceptionGroup('together', [KeyError(1)])", "ExceptionGroup: together (1 sub-exception)"),
        (
            "try:\n    import no_module\nexcept ImportError as error:\n    raise RuntimeError('at last') from error",
            "RuntimeError: at last",
        ),
    ],
)
def test_errors_at_collection(run, source: str, message: str) -> None:
    report = run(source, broken="import mine\nraise mine.MineError('in a module\\nof its own')")
    (failure,) = report.failures
    assert report.counts == TestCounts(errors=1)
    assert failure.exception == message.partition(":")[0]
    assert f"{failure.message} ".startswith(message)


def test_a_worker_that_dies_says_no_exception(downstream: Downstream, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("xdist")
    monkeypatch.setenv(EXCEPTIONS_VARIABLE, "1")
    source = "import os, signal\ndef test_it(): os.kill(os.getpid(), signal.SIGKILL)"
    downstream.run(source, "-p", "junitxml", "--junitxml=it.xml", "-p", "xdist", "-n", "1", "--max-worker-restart=0")
    (failure,) = read_junit(downstream.pytester.path / "it.xml").failures
    assert failure.exception == "unknown"
    assert "crashed while running" in failure.message


def test_a_skip_of_ours_that_fails(run, downstream: Downstream) -> None:
    downstream.pytester.makeini("[pytest]\ntrl_strict = true\n")
    report = run("import pytest\n@pytest.mark.trl\ndef test_it(): pass\ndef test_fixture(trl_release): pass")
    assert exceptions(report) == {"test_it": ["Failed"], "test_fixture": ["Failed"]}


def test_other_peoples_files_stay_as_they_are(downstream: Downstream) -> None:
    downstream.pytester.makepyfile(mine=MINE)
    for source in (SOURCE, "raise ValueError"):
        result = downstream.run(source, "-p", "junitxml", "--junitxml=it.xml")
        assert EXCEPTION not in Path(downstream.pytester.path / "it.xml").read_text() + result.stdout.str()
