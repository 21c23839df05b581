from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from downstream_runs import Downstream, uv_install


@pytest.fixture(scope="session")
def trl_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A folder with the real wheel of a TRL release, without its dependencies: to be read, not imported."""
    folders: dict[str, Path] = {}

    def folder(version: str) -> Path:
        if version not in folders:
            target = tmp_path_factory.mktemp(f"trl-{version}-")
            uv_install(target, f"trl=={version}")
            folders[version] = target
        return folders[version]

    return folder


@pytest.fixture
def downstream(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Downstream:
    return Downstream(pytester, monkeypatch)


@pytest.fixture(params=["serial", "xdist"])
def spread(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """Options that run the tests in this process, or in two workers."""
    if request.param == "serial":
        return ()
    pytest.importorskip("xdist")
    return ("-p", "xdist", "-n", "2")
