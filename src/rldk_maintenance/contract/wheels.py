"""One wheel for each release, kept by its SHA-256, so that a second reading needs no download."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import InvalidSdistFilename, InvalidWheelFilename, parse_sdist_filename, parse_wheel_filename
from packaging.version import Version

from rldk_maintenance.contract.index import IndexFile, download
from rldk_maintenance.errors import ContractError, NotRunError
from rldk_trl.files import write_whole


@dataclass(frozen=True)
class ReleaseFiles:
    """A release on the index and the wheel to read; None where it has none."""

    version: Version
    wheel: IndexFile | None
    uploaded: str | None
    """Date of the release's first file, as YYYY-MM-DD; None where the index does not say."""
    yanked: bool
    """Every file of it is yanked."""
    requires_python: str | None


def group_releases(files: Iterable[IndexFile]) -> list[ReleaseFiles]:
    """The releases that an index's files make up, by version.

    Raises:
        ContractError: a wheel's or an sdist's name says no version.
    """
    grouped: dict[Version, list[IndexFile]] = {}
    for file in files:
        try:
            if file.name.endswith(".whl"):
                version = parse_wheel_filename(file.name)[1]
            elif file.name.endswith((".tar.gz", ".zip")):
                version = parse_sdist_filename(file.name)[1]
            else:
                continue  # eggs and installers of old: no release has only those
        except (InvalidWheelFilename, InvalidSdistFilename) as error:
            raise ContractError(f"contract: the index lists a file whose name says no release ({error})") from None
        grouped.setdefault(version, []).append(file)
    return [_release(version, grouped[version]) for version in sorted(grouped)]


def _release(version: Version, files: list[IndexFile]) -> ReleaseFiles:
    wheels = sorted((file for file in files if file.name.endswith(".whl")), key=lambda file: file.name)
    pure = [file for file in wheels if file.name.endswith("-none-any.whl")]
    return ReleaseFiles(
        version=version,
        wheel=next(iter(pure + wheels), None),
        uploaded=min((file.uploaded for file in files if file.uploaded), default=None),
        yanked=all(file.yanked for file in files),
        requires_python=next((file.requires_python for file in files if file.requires_python), None),
    )


class WheelStore:
    """A folder of wheels named by their SHA-256; what is in it is believed only after hashing it again."""

    def __init__(self, folder: Path, *, offline: bool = False) -> None:
        self._folder = folder
        self._offline = offline

    def get(self, release: ReleaseFiles) -> bytes:
        """The release's wheel, from the folder or from the index.

        Raises:
            NotRunError: there is no wheel, or it is not in the folder and the network may not be used.
            ContractError: it cannot be had, or is not the file whose SHA-256 the index gives.
        """
        wheel = release.wheel
        if wheel is None:
            raise NotRunError("the index has no wheel of it, only a source distribution")
        # A wheel without a SHA-256 on the index cannot be told from another one, so it is not kept.
        kept = self._folder / f"{wheel.sha256}.whl" if wheel.sha256 else None
        if kept is not None and kept.is_file():
            content = kept.read_bytes()
            if hashlib.sha256(content).hexdigest() == wheel.sha256:
                return content
        if self._offline:
            raise NotRunError("its wheel is not in the cache, and the network is not to be used")
        content = download(wheel.url)[0]
        digest = hashlib.sha256(content).hexdigest()
        if wheel.sha256 and digest != wheel.sha256:
            raise ContractError(
                f"{wheel.name}: its SHA-256 is {digest[:12]}..., the index says {wheel.sha256[:12]}...; "
                f"try again, or ask who runs the index"
            )
        if kept is not None:
            write_whole(kept, content)
        return content
