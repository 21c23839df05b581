"""Reads the JUnit XML that pytest writes."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

# `ImportError: ...`, alone or in pytest's `failed on setup with "ImportError: ..."`.
_RAISED = re.compile(r'^(?:failed on (?:setup|teardown) with ")?([A-Za-z_][\w.]*)(?::|"?$)', re.MULTILINE)
# The lines of a traceback that show what was raised.
_RAISED_IN_TEXT = re.compile(r"^E\s+([A-Za-z_][\w.]*): (.*)$", re.MULTILINE)


class JUnitError(ValueError):
    """There is no report, or it cannot be read."""


@dataclass(frozen=True)
class TestCounts:
    """How many tests ended in which way."""

    __test__ = False  # the name is not a test class for pytest

    passed: int = 0
    failed: int = 0
    errors: int = 0
    skipped: int = 0
    xfailed: int = 0


@dataclass(frozen=True)
class Failure:
    """One failed or broken test."""

    test: str
    exception: str
    message: str


@dataclass(frozen=True)
class JUnitReport:
    """What one pytest run has shown; ``properties``: what tests that passed have recorded, names and values."""

    counts: TestCounts = TestCounts()
    failures: tuple[Failure, ...] = field(default=())
    properties: tuple[tuple[str, str], ...] = field(default=())


def read_junit(path: Path) -> JUnitReport:
    """Read a report.

    Raises:
        JUnitError: the file is missing, is not XML, or declares entities (pytest never does).
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise JUnitError(f"pytest left no readable {path.name} ({type(error).__name__})") from None
    if "<!DOCTYPE" in text[:1000]:
        raise JUnitError(f"{path.name} declares a document type, which pytest never writes")
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise JUnitError(f"{path.name} is not XML ({error})") from None
    counts = dict.fromkeys(("passed", "failed", "errors", "skipped", "xfailed"), 0)
    failures = []
    properties = []
    for case in root.iter("testcase"):
        ending, element = _ending(case)
        counts[ending] += 1
        if element is not None and ending in ("failed", "errors"):
            failures.append(_failure(case, element))
        if ending == "passed":
            found = case.iterfind("properties/property")
            properties += [(one.get("name", ""), one.get("value", "")) for one in found]
    return JUnitReport(TestCounts(**counts), tuple(failures), tuple(properties))


def _ending(case: ElementTree.Element) -> tuple[str, ElementTree.Element | None]:
    for tag, ending in (("error", "errors"), ("failure", "failed"), ("skipped", "skipped")):
        element = case.find(tag)
        if element is not None:
            xfailed = ending == "skipped" and element.get("type") == "pytest.xfail"
            return ("xfailed" if xfailed else ending), element
    return "passed", None


def _failure(case: ElementTree.Element, element: ElementTree.Element) -> Failure:
    test = ".".join(part for part in (case.get("classname"), case.get("name")) if part)
    message = element.get("message", "")
    raised = _RAISED.match(message)
    if raised is not None:
        return Failure(test, raised[1].rpartition(".")[2], message)
    if message.startswith("assert "):
        return Failure(test, "AssertionError", message)
    in_text = _RAISED_IN_TEXT.findall(element.text or "")
    if in_text:
        name, rest = in_text[-1]  # of chained exceptions the last is the one that came out
        return Failure(test, name.rpartition(".")[2], f"{name}: {rest}")
    return Failure(test, "unknown", message)
