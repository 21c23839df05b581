"""Pictures for the documents; ``nox -s page -- --screenshots docs/images`` takes them of the results here."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from rldk_trl.matrix.cells import all_cells
from rldk_trl.matrix.loader import load_matrix
from rldk_trl.report import write_reports

PICTURES = {
    "matrix-light.png": {"width": 1200, "height": 1100},
    "matrix-dark.png": {"width": 1200, "height": 1100, "dark": True},
    "matrix-phone.png": {"width": 390, "height": 1400},
}
MOST_BYTES = 200_000


@pytest.fixture
def real(request, tmp_path) -> str:
    """The page of the results in ``--run``; they are only read."""
    results = request.config.getoption("--run") / ".matrix/results"
    if results.is_dir():
        shutil.copytree(results, tmp_path / ".matrix/results")
    matrix = load_matrix()
    return write_reports(tmp_path, all_cells(matrix), listed=matrix.listed)[3].as_uri()


@pytest.mark.parametrize("name", PICTURES)
def test_screenshot(request, browser, real, tmp_path, name):
    folder: Path = request.config.getoption("--screenshots") or tmp_path
    with browser(**PICTURES[name]) as chrome:
        chrome.get(real)
        path = tmp_path / name
        assert chrome.save_screenshot(str(path))
    assert 10_000 < path.stat().st_size < MOST_BYTES
    if folder != tmp_path:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, folder / name)
