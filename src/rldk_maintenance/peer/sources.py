"""Get the tests that a TRL release was made with. They are read from the index or from git, and never committed."""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path

from packaging.version import InvalidVersion, Version

from rldk_maintenance.contract.index import IndexClient, index_url
from rldk_maintenance.errors import MaintenanceError

_NAME = "test_ppo_trainer.py"


def fetch_tests(release: str, folder: Path, repository: str) -> tuple[Path, str]:
    """Write TRL's folder ``tests`` of a release into a folder.

    The tests come from the source distribution on the index. If it has none, they come from the release's tag in
    ``repository``, or, if the repository does not have that tag, from its newest tag before the release.

    Args:
        release: the version of TRL.
        folder: an empty folder.
        repository: an address or a path that git can read.

    Returns:
        The path of TRL's PPO tests, and where they come from.

    Raises:
        MaintenanceError: the release has no such tests in either place.
    """
    source = f"the source distribution of TRL {release}"
    _unpack(_source_distribution(release), folder, strip=1)
    if _find(folder) is None:
        tag = _tag(release, repository)
        source = f"TRL's repository at tag {tag}"
        _unpack(_archive(repository, tag, folder.parent / "trl.git"), folder, strip=0)
    found = _find(folder)
    if found is None:
        raise MaintenanceError(f"peer: {source} has no {_NAME}; name a release that has PPO tests")
    (folder / "tests" / "__init__.py").touch()  # the tests import from it; source distributions leave it out
    return found, source


def _find(folder: Path) -> Path | None:
    return next(iter(sorted(folder.glob(f"tests/**/{_NAME}"))), None)


def _source_distribution(release: str) -> bytes:
    client = IndexClient(index_url())
    for file in client.files("trl"):
        if file.package_type == "sdist" and file.version and Version(file.version) == Version(release):
            return client.download(file.url)
    raise MaintenanceError(f"peer: the index has no source distribution of TRL {release}; check the version")


def _unpack(archive: bytes, folder: Path, *, strip: int) -> None:
    """Unpack only the tests: TRL itself is the installed release."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        for member in opened:
            parts = Path(member.name).parts[strip:]
            if member.isfile() and parts[:1] == ("tests",):
                member.name = str(Path(*parts))
                opened.extract(member, folder, filter="data")


def _tag(release: str, repository: str) -> str:
    listed = _git("ls-remote", "--tags", "--refs", repository).decode()
    found: dict[Version, str] = {}
    for line in listed.splitlines():
        tag = line.rpartition("refs/tags/")[2]
        try:
            found[Version(tag)] = tag
        except InvalidVersion:
            continue
    usable = [version for version in found if version <= Version(release)]
    if not usable:
        raise MaintenanceError(f"peer: {repository} has no tag up to {release}; name another with --repository")
    return found[max(usable)]


def _archive(repository: str, tag: str, clone: Path) -> bytes:
    _git("clone", "--quiet", "--bare", "--depth", "1", "--branch", tag, repository, str(clone))
    return _git("-C", str(clone), "archive", "--format=tar", "HEAD", "tests")


def _git(*arguments: str) -> bytes:
    try:
        return subprocess.run(["git", *arguments], capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        said = getattr(error, "stderr", b"").decode(errors="replace").strip().splitlines()
        why = said[-1] if said else str(error)
        raise MaintenanceError(f"peer: git {arguments[0]}: {why}; check the network, or name --repository") from None
