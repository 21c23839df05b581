"""The project rldk has a package `rldk.integrations.trl` too: which of the two is imported is never a secret.

rldk is not on the package index, so a small package with its layout stands in for it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from rldk.integrations.trl import check_trl_compatibility
from rldk.integrations.trl.advice import compatibility
from rldk_trl import ownership

LIBRARY = Path(compatibility.__file__).parents[4]


def install_rldk(folder: Path, *, regular: bool) -> Path:
    """A stand-in for rldk 0.2.0; ``regular``: with an ``__init__`` at each level, else namespace packages above."""
    package = folder / "rldk" / "integrations" / "trl"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("OWNER = 'rldk'\n")
    if regular:
        for level in (folder / "rldk", folder / "rldk" / "integrations"):
            (level / "__init__.py").write_text("")
    info = folder / "rldk-0.2.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: rldk\nVersion: 0.2.0\n")
    return folder


def run(code: str, *places: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, places))}
    return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("regular", [True, False])
def test_a_package_of_rldk_that_hides_the_library_is_named(tmp_path, regular):
    other = install_rldk(tmp_path, regular=regular)
    done = run("import rldk_trl", other, LIBRARY)
    assert done.returncode == 1
    file = other / "rldk/integrations/trl/__init__.py"
    assert done.stderr.splitlines()[-1] == (
        f"ImportError: rldk.integrations.trl belongs to rldk 0.2.0 ({file}), which hides the library of rldk-trl: "
        f"install the two in separate environments, or uninstall rldk and reinstall rldk-trl"
    )


def test_rldk_without_that_package_hides_it_as_well(tmp_path):
    (tmp_path / "rldk").mkdir()
    (tmp_path / "rldk" / "__init__.py").write_text("")
    done = run("import rldk_trl", tmp_path, LIBRARY)
    assert "ImportError: rldk.integrations.trl belongs to another package (" in done.stderr


def test_rldk_behind_the_library_is_a_warning(tmp_path):
    other = install_rldk(tmp_path, regular=False)
    code = "from rldk.integrations.trl import *; print(check_trl_compatibility()['warnings'][0])"
    done = run(code, LIBRARY, other)
    assert done.stdout.strip() == (
        "rldk 0.2.0 is installed too: rldk.integrations.trl is imported from rldk-trl, which hides rldk's own"
    )
    assert run("import rldk_trl", LIBRARY, other).returncode == 0


def test_alone_nothing_is_said():
    ownership.require_own_library()
    assert not [warning for warning in check_trl_compatibility()["warnings"] if "rldk" in warning]
