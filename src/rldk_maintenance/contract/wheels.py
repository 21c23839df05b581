"""One wheel for each release, kept by its SHA-256, so that a second reading needs no download."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.version import InvalidVersion, Version

from rldk_maintenance.contract.index import IndexClient, file_name
from rldk_maintenance.errors import ContractError, NotRunError
from rldk_trl.files import write_whole

if TYPE_CHECKING:  # index.py says in one line where pypi-simple is missing
    from pypi_simple import DistributionPackage


@dataclass(frozen=True)
class ReleaseFiles:
    """A release on the index, and the wheel to read; what the index does not say is None."""

    version: Version
    wheel: str | None
    """The wheel's address; None where the release has none."""
    sha256: str | None
    """The wheel's."""
    uploaded: str | None
    """Date of the release's first file, as YYYY-MM-DD."""
    yanked: bool
    """Whether all its files are yanked."""
    requires_python: str | None


def group_releases(files: Iterable[DistributionPackage]) -> list[ReleaseFiles]:
    """The releases that an index's files make up, by version.

    Raises:
        ContractError: a file's name contains no version.
    """
    grouped: dict[Version, list[DistributionPackage]] = {}
    for file in files:
        try:
            version = Version(file.version or "")
        except InvalidVersion:
            raise ContractError(
                f"contract: the index lists {file.filename!r}, a name without a version; check the index's address"
            ) from None
        if file.package_type in ("wheel", "sdist"):  # no release has only eggs and installers
            grouped.setdefault(version, []).append(file)
    return [_release(version, grouped[version]) for version in sorted(grouped)]


def _release(version: Version, files: list[DistributionPackage]) -> ReleaseFiles:
    wheels = sorted((file for file in files if file.package_type == "wheel"), key=lambda file: file.filename)
    pure = [file for file in wheels if file.filename.endswith("-none-any.whl")]
    wheel = next(iter(pure + wheels), None)
    return ReleaseFiles(
        version=version,
        wheel=wheel.url if wheel else None,
        sha256=wheel.digests.get("sha256") if wheel else None,
        uploaded=min((file.upload_time.date().isoformat() for file in files if file.upload_time), default=None),
        yanked=all(file.is_yanked for file in files),
        requires_python=next((file.requires_python for file in files if file.requires_python), None),
    )


class WheelStore:
    """A folder of wheels named by their SHA-256; each is used only after its SHA-256 is computed again."""

    def __init__(self, folder: Path, index: IndexClient | None) -> None:
        self._folder = folder
        self._index = index

    def get(self, release: ReleaseFiles) -> bytes:
        """The release's wheel, from the folder or from the index.

        Raises:
            NotRunError: the release has no wheel, or the wheel is not in the folder and the network may not be used.
            ContractError: it could not be downloaded, or is not the file that the index lists.
        """
        if release.wheel is None:
            raise NotRunError("the index has no wheel of it, only a source distribution")
        # A wheel without a SHA-256 on the index cannot be told from another one, so it is not kept.
        kept = self._folder / f"{release.sha256}.whl" if release.sha256 else None
        if kept is not None and kept.is_file():
            content = kept.read_bytes()
            if hashlib.sha256(content).hexdigest() == release.sha256:
                return content
        if self._index is None:
            raise NotRunError("its wheel is not in the cache, and the network may not be used")
        content = self._index.download(release.wheel)
        digest = hashlib.sha256(content).hexdigest()
        if release.sha256 and digest != release.sha256:
            raise ContractError(
                f"{file_name(release.wheel)}: its SHA-256 is {digest[:12]}..., the index says "
                f"{release.sha256[:12]}...; try again, or ask who runs the index"
            )
        if kept is not None:
            write_whole(kept, content)
        return content
