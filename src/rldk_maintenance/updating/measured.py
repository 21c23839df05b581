"""Writes what the library says of releases that are not installed: those on which the matrix saw PPO train.

The library ships the list because it reads no file of the matrix; a unit test holds the two together, and a
cell whose result is not the declared one fails, so that what is declared is what was measured.
"""

from __future__ import annotations

import json
from pathlib import Path

from rldk_trl.files import write_whole
from rldk_trl.matrix.schema import Matrix

MEASURED = Path(__file__).resolve().parents[2] / "rldk/integrations/trl/releases/measured.json"


def write_measured(matrix: Matrix, path: Path = MEASURED) -> Path:
    """Write the releases whose row has PPO and is declared, and so measured, to pass in the lane period."""
    trained = [
        release.version
        for release in matrix.releases
        if release.api != "none" and release.expectation.status == "pass"
    ]
    write_whole(path, json.dumps({"trained": trained}, indent=1) + "\n")
    return path
