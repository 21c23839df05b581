"""The issue on TRL's main branch: opened once, a comment for what is new, closed on green."""

from __future__ import annotations

import json

import pytest

from rldk_maintenance import cli
from rldk_maintenance.errors import MaintenanceError
from rldk_maintenance.nightly import TITLE, decide, read_issue, read_run, signature
from rldk_trl.runner.junit import Failure

MOVED = Failure("tests.cell.test_a", "ImportError", "ImportError: cannot import name 'PPOConfig' from 'trl'")
SIZE = Failure("tests.cell.test_b", "ValueError", "ValueError: 5 at 0x7f12 in /tmp/pytest-1/a.py")


def again(failure: Failure, **message: str) -> Failure:
    return Failure(failure.test, failure.exception, message.get("message", failure.message))


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (again(SIZE, message="ValueError: 7 at 0x8aff in /tmp/pytest-99/b/c.py"), True),
        (again(SIZE, message="ValueError:  5 at\n0x7f12 in /tmp/pytest-1/a.py"), True),
        (again(SIZE, message="ValueError: five at 0x7f12 in /tmp/pytest-1/a.py"), False),
        (Failure("tests.cell.test_c", SIZE.exception, SIZE.message), False),
        (Failure(SIZE.test, "TypeError", SIZE.message), False),
    ],
)
def test_signature(other, same):
    assert (signature(other) == signature(SIZE)) is same


def test_the_life_of_the_issue():
    assert decide([], None).action == "none"
    opened = decide([MOVED], None, "https://example.org/run/1")
    assert (opened.action, opened.title) == ("open", TITLE)
    assert "1 new of 1 failures" in opened.body
    assert "Run: https://example.org/run/1" in opened.body
    assert decide([MOVED], opened.body).action == "none"
    comment = decide([MOVED, SIZE], opened.body)
    assert comment.action == "comment"
    assert "1 new of 2 failures" in comment.body
    assert "test_b" in comment.body
    assert "test_a" not in comment.body
    told = opened.body + comment.body
    assert decide([SIZE, MOVED], told).action == "none"
    assert decide([SIZE], told).action == "none"
    closed = decide([], told)
    assert (closed.action, closed.title) == ("close", "")


def test_a_message_notifies_nobody():
    body = decide([Failure("t", "E", "`@someone` \n see #12")], None).body
    assert "`E: '@someone' see #12`" in body


GREEN = '<testsuites><testcase classname="t" name="a"/></testsuites>'
RED = """<testsuites><testcase classname="t" name="a">
<properties><property name="rldk_trl:exception" value="KeyError"/></properties>
<failure message="KeyError: 1"/></testcase></testsuites>"""
SKIPPED = '<testsuites><testcase classname="t" name="a"><skipped/></testcase></testsuites>'


@pytest.mark.parametrize(
    ("text", "code", "found"),
    [
        (GREEN, 0, []),
        (RED, 1, [Failure("t.a", "KeyError", "KeyError: 1")]),
        (None, 1, "no usable report"),
        (SKIPPED, 0, "no test passed"),
        (GREEN, 1, "but its report has 0 failed"),
        (GREEN, 5, "pytest ran no test"),
        (GREEN, -9, "SIGKILL"),
    ],
)
def test_a_run_that_measured_nothing_is_not_green(tmp_path, text, code, found):
    path = tmp_path / "main.xml"
    if text is not None:
        path.write_text(text)
    failures = read_run(path, code)
    if isinstance(found, list):
        assert failures == found
    else:
        (failure,) = failures
        assert found in failure.message


def test_issue_as_gh_writes_it(tmp_path):
    path = tmp_path / "issue.json"
    path.write_text(json.dumps({"body": "a", "comments": [{"body": "b"}, {"body": "c"}]}))
    assert read_issue(path) == "a\nb\nc"
    assert read_issue(None) is None
    path.write_text("{}")
    with pytest.raises(MaintenanceError, match=r"issue\.json: not an issue"):
        read_issue(path)


def test_command(capsys, tmp_path):
    (tmp_path / "main.xml").write_text(RED)
    assert cli.main(["nightly", "--junit", str(tmp_path / "main.xml"), "--exit-code", "1"]) == 0
    assert json.loads(capsys.readouterr().out)["action"] == "open"
