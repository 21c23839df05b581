"""Reads the JUnit XML that pytest writes, with the exceptions' classes that the plugin puts there."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from rldk_trl.cell_protocol import EXCEPTION


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
    """One failed or broken test; ``exception``: the class, "unknown" where the plugin named none."""

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
        ending, elements = _ending(case)
        counts[ending] += 1
        if ending in ("failed", "errors"):
            failures.append(_failure(case, elements))
        if ending == "passed":
            found = case.iterfind("properties/property")
            properties += [(one.get("name", ""), one.get("value", "")) for one in found]
    return JUnitReport(TestCounts(**counts), tuple(failures), tuple(properties))


def _ending(case: ElementTree.Element) -> tuple[str, list[ElementTree.Element]]:
    for tag, ending in (("error", "errors"), ("failure", "failed"), ("skipped", "skipped")):
        elements = case.findall(tag)
        if elements:
            xfailed = ending == "skipped" and elements[0].get("type") == "pytest.xfail"
            return ("xfailed" if xfailed else ending), elements
    return "passed", []


def _failure(case: ElementTree.Element, elements: list[ElementTree.Element]) -> Failure:
    test = ".".join(part for part in (case.get("classname"), case.get("name")) if part)
    message = elements[0].get("message", "")
    names = [one.get("value", "") for one in case.iterfind(f"properties/property[@name='{EXCEPTION}']")]
    if names:
        # One for each element, and before them that of the call where this case is of the teardown alone.
        return Failure(test, names[-len(elements) :][0], message)
    _, found, said = (elements[0].text or "").rpartition(f"\n{EXCEPTION}: ")
    return Failure(test, said.partition(":")[0], said) if found else Failure(test, "unknown", message)
