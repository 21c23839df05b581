"""Headless Chromium for the tests of the report page."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from rldk_trl.report import write_reports
from synthetic_run import write_synthetic_run

FLAGS = (
    "--headless",
    "--no-sandbox",  # as root there is none
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)


def pytest_addoption(parser):
    group = parser.getgroup("page")
    group.addoption("--screenshots", type=Path, metavar="DIR", help="take pictures of the page of the results here")
    group.addoption("--run", type=Path, default=Path(), metavar="DIR", help="the folder with .matrix (default: here)")


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    """A context manager that opens a browser with a profile of its own."""
    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if program is None or driver is None:
        pytest.skip("needs Chromium and its driver: apt-get install chromium chromium-driver")

    @contextmanager
    def open_browser(
        *, width: int = 1200, height: int = 900, dark: bool = False, scripts: bool = True, scale: float = 1
    ) -> Iterator[webdriver.Chrome]:
        options = webdriver.ChromeOptions()
        options.binary_location = program
        for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
            options.add_argument(flag)
        if not scripts:
            options.add_argument("--blink-settings=scriptEnabled=false")
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        chrome = webdriver.Chrome(options=options, service=Service(driver))
        try:
            size = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": width < 500}
            chrome.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
            scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
            chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
            yield chrome
        finally:
            chrome.quit()

    return open_browser


@pytest.fixture(scope="session")
def address(tmp_path_factory) -> str:
    """The page of the synthetic run, as a file."""
    root = tmp_path_factory.mktemp("run")
    matrix, cells = write_synthetic_run(root)
    return write_reports(root, cells, listed=matrix.listed)[3].as_uri()


@pytest.fixture(scope="session")
def with_scripts(browser):
    with browser() as chrome:
        yield chrome


@pytest.fixture
def page(with_scripts, address):
    """The page, freshly loaded; afterwards, nothing of it may have gone wrong."""
    with_scripts.get("about:blank")
    for kind in ("browser", "performance"):  # what came before is not this test's
        with_scripts.get_log(kind)
    with_scripts.get(address)
    yield with_scripts
    assert with_scripts.get_log("browser") == []
