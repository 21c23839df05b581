"""From what was seen and what was declared to a status: every branch."""

from __future__ import annotations

import subprocess
import sys

import pytest

from rldk_trl.cell_protocol import EXCEPTIONS_VARIABLE
from rldk_trl.matrix.schema import Expectation
from rldk_trl.runner.junit import Failure, JUnitError, JUnitReport, TestCounts, read_junit
from rldk_trl.runner.outcome import Observed, Verdict, classify

PASS = Expectation()
NO_PPO = Expectation("no-ppo", reason="deleted in 1.13.0")
IMPORT = Failure("t.a", "ImportError", "ImportError: no name x")
WRAPPED = Failure("t.c", "RuntimeError", "RuntimeError: Failed to import trl.y because of ...")
NO_IMPORT = Observed("import", problem="AttributeError: no x")
ASSERT = Failure("t.b", "AssertionError", "assert 1 == 2")


def xfail(phase, exception):
    return Expectation("xfail", "known", phase, exception, "trl")


def ran(*failures: Failure, code: int | None = None, passed: int = 1, **counts: int) -> Observed:
    report = JUnitReport(TestCounts(passed=passed, failed=len(failures), **counts), failures)
    return Observed("test", exit_code=(1 if failures else 0) if code is None else code, report=report)


@pytest.mark.parametrize(
    ("expected", "seen", "verdict"),
    [
        (PASS, ran(), Verdict("pass")),
        (PASS, ran(skipped=3), Verdict("pass")),
        (NO_PPO, ran(), Verdict("no-ppo", None, "deleted in 1.13.0")),
        (NO_PPO, ran(ASSERT), Verdict("fail", "test", "t.b: assert 1 == 2")),
        (PASS, ran(ASSERT), Verdict("fail", "test", "t.b: assert 1 == 2")),
        (PASS, ran(ASSERT, IMPORT), Verdict("fail", "test", "t.b: assert 1 == 2 (and 1 more)")),
        (PASS, ran(IMPORT), Verdict("fail", "import", "t.a: ImportError: no name x")),
        (PASS, ran(IMPORT, WRAPPED), Verdict("fail", "import", "t.a: ImportError: no name x (and 1 more)")),
        (PASS, ran(IMPORT, code=2, passed=0), Verdict("fail", "import", "t.a: ImportError: no name x")),
        # nothing measured
        (PASS, Observed("test", exit_code=5), Verdict("error", "test", "pytest ran no test")),
        (NO_PPO, Observed("test", exit_code=5), Verdict("error", "test", "pytest ran no test")),
        (
            PASS,
            ran(passed=0, skipped=4, xfailed=1),
            Verdict("error", "test", "no test passed: 4 skipped, 1 xfailed"),
        ),
        (NO_PPO, ran(passed=0), Verdict("error", "test", "no test passed: 0 skipped, 0 xfailed")),
        (
            PASS,
            Observed("test", exit_code=-11),
            Verdict("error", "test", "pytest was ended by signal SIGSEGV"),
        ),
        (PASS, Observed("test", exit_code=-99), Verdict("error", "test", "pytest was ended by signal 99")),
        (PASS, ran(code=3), Verdict("error", "test", "pytest ended with exit code 3 and no usable report")),
        (
            PASS,
            Observed("test", exit_code=4),
            Verdict("error", "test", "pytest ended with exit code 4 and no usable report"),
        ),
        (PASS, ran(code=1), Verdict("error", "test", "pytest ended with exit code 1, but its report has 0 failed")),
        (PASS, ran(code=2), Verdict("error", "test", "pytest ended with exit code 2, but its report has 0 failed")),
        (
            PASS,
            ran(ASSERT, code=0),
            Verdict("error", "test", "pytest ended with exit code 0, but its report has 1 failed"),
        ),
        (PASS, Observed("resolve", problem="lock stale"), Verdict("error", "resolve", "lock stale")),
        (PASS, Observed("install", problem="no\n  wheel"), Verdict("error", "install", "no wheel")),
        # time
        (PASS, Observed("test", timed_out=True, problem="20 s"), Verdict("timeout", "test", "20 s")),
        (
            xfail("install", "x"),
            Observed("install", timed_out=True),
            Verdict("timeout", "install", "the time limit was reached"),
        ),
        # TRL that cannot be imported: the plugin ended pytest at its start
        (PASS, NO_IMPORT, Verdict("fail", "import", "AttributeError: no x")),
        (NO_PPO, NO_IMPORT, Verdict("fail", "import", "AttributeError: no x")),
        (xfail("import", "AttributeError"), NO_IMPORT, Verdict("xfail", "import", "known")),
        (
            xfail("import", "Attribute"),
            NO_IMPORT,
            Verdict("fail", "import", "declared to fail in phase import with Attribute, but: AttributeError: no x"),
        ),
        (
            xfail("test", "AttributeError"),
            NO_IMPORT,
            Verdict("fail", "import", "declared to fail in phase test with AttributeError, but: AttributeError: no x"),
        ),
        # declared failures
        (xfail("import", "ImportError"), ran(IMPORT), Verdict("xfail", "import", "known")),
        (xfail("test", "AssertionError"), ran(ASSERT, ASSERT), Verdict("xfail", "test", "known")),
        (
            xfail("install", "no wheel"),
            Observed("install", problem="has no\n wheel"),
            Verdict("xfail", "install", "known"),
        ),
        (
            xfail("resolve", "conflict"),
            Observed("resolve", problem="conflict"),
            Verdict("xfail", "resolve", "known"),
        ),
        (
            xfail("resolve", "conflict"),
            Observed("resolve"),
            Verdict(
                "xpass",
                None,
                "passed, but declared to fail in phase resolve with conflict: remove the declaration from matrix.toml",
            ),
        ),
        (
            xfail("import", "ImportError"),
            ran(),
            Verdict(
                "xpass",
                None,
                "passed, but declared to fail in phase import with ImportError:"
                " remove the declaration from matrix.toml",
            ),
        ),
        (
            xfail("import", "ImportError"),
            ran(ASSERT),
            Verdict("fail", "test", "declared to fail in phase import with ImportError, but: t.b: assert 1 == 2"),
        ),
        (
            xfail("import", "KeyError"),
            ran(IMPORT),
            Verdict(
                "fail",
                "import",
                "declared to fail in phase import with KeyError, but: t.a: ImportError: no name x",
            ),
        ),
        (
            xfail("install", "no wheel"),
            Observed("install", problem="network down"),
            Verdict("fail", "install", "declared to fail in phase install with no wheel, but: network down"),
        ),
        (
            xfail("test", "AssertionError"),
            Observed("install", problem="network down"),
            Verdict("fail", "install", "declared to fail in phase test with AssertionError, but: network down"),
        ),
        (
            xfail("test", "AssertionError"),
            Observed("test", exit_code=5),
            Verdict("error", "test", "pytest ran no test"),
        ),
    ],
)
def test_classify(expected, seen, verdict):
    assert classify(expected, seen) == verdict


def test_one_of_several_failures_of_another_kind_is_not_the_declared_failure():
    other = Failure("t.d", "KeyError", "KeyError: 1")
    assert classify(xfail("test", "AssertionError"), ran(ASSERT, other)).status == "fail"


def test_a_long_reason_is_cut():
    reason = classify(PASS, Observed("install", problem="x " * 1000)).reason
    assert len(reason) == 400
    assert reason.endswith("...")


TESTS = """
import pytest
def test_pass(): pass
def test_assert(): assert 1 == 2
def test_import(): import no_such_module
def test_wrapped():
    try:
        import no_such_module
    except ImportError as error:
        raise RuntimeError("Failed to import it because of that") from error
def test_skip(): pytest.skip("no")
@pytest.mark.xfail(reason="r", strict=True)
def test_xfail(): assert 0
@pytest.fixture
def broken(): raise ImportError("cannot import name 'x'")
def test_setup(broken): pass
@pytest.fixture
def broken_end():
    yield
    raise ValueError
def test_teardown(broken_end): pass
"""


def test_junit_of_a_real_run(pytester_run):
    report = pytester_run(test_a=TESTS)
    assert report.counts == TestCounts(passed=1, failed=3, errors=2, skipped=1, xfailed=1)
    assert {failure.test: failure.exception for failure in report.failures} == {
        "test_a.test_assert": "AssertionError",
        "test_a.test_import": "ModuleNotFoundError",
        "test_a.test_wrapped": "RuntimeError",
        "test_a.test_setup": "ImportError",
        "test_a.test_teardown": "ValueError",
    }


def test_junit_of_a_module_that_cannot_be_imported(pytester_run):
    report = pytester_run(test_a="from json import no_such_name\n")
    assert report.counts == TestCounts(errors=1)
    assert [failure.exception for failure in report.failures] == ["ImportError"]
    assert classify(PASS, Observed("test", exit_code=2, report=report)).phase == "import"


@pytest.fixture
def pytester_run(tmp_path, monkeypatch):
    monkeypatch.setenv(EXCEPTIONS_VARIABLE, "1")

    def run(**modules: str) -> JUnitReport:
        for name, text in modules.items():
            (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
        options = ["-p", "rldk_trl", "-p", "no:cacheprovider", "--junitxml=r.xml"]
        command = [sys.executable, "-m", "pytest", *options, "."]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode in (1, 2), done.stdout
        return read_junit(tmp_path / "r.xml")

    return run


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "left no readable"),
        ("<testsuites><testcase>", "is not XML"),
        ('<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>', "document type"),
    ],
)
def test_unusable_junit(tmp_path, text, said):
    if text is not None:
        (tmp_path / "r.xml").write_text(text, encoding="utf-8")
    with pytest.raises(JUnitError, match=said):
        read_junit(tmp_path / "r.xml")
