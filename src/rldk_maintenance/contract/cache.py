"""Keeps what was read of the wheels, so that a second reading opens none."""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import asdict
from pathlib import Path

from packaging.version import Version

from rldk.integrations.trl.releases import installed
from rldk_maintenance.contract.reading import Facts
from rldk_maintenance.contract.wheels import ReleaseFiles
from rldk_maintenance.errors import ContractError
from rldk_trl.files import tree_digest, write_whole


def reader_digest() -> str:
    """Changes with the reader's own code and with Python, so that a new reader uses no old reading."""
    code = tree_digest(Path(__file__).parent, [path.name for path in Path(__file__).parent.glob("*.py")])
    ppo = hashlib.sha256(Path(installed.__file__).read_bytes()).hexdigest()
    return hashlib.sha256(f"{code} {ppo} {sys.version}".encode()).hexdigest()


class ReadingCache:
    """A folder of readings, one for a wheel and a reader; an entry that was changed since is not used."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._reader = reader_digest()

    def get(self, sha256: str | None) -> tuple[Facts, str | None] | None:
        """What was read of the wheel with this SHA-256, or None."""
        if sha256 is None:
            return None
        try:
            digest, _, text = self._path(sha256).read_text(encoding="utf-8").partition("\n")
        except (OSError, UnicodeDecodeError):
            return None
        if digest != _digest(text):
            return None
        content = json.loads(text)
        return content["facts"], content["requires_python"]

    def put(self, sha256: str | None, facts: Facts, requires_python: str | None) -> None:
        """Keep a reading; one of a wheel without a SHA-256 on the index cannot be found again and is not kept."""
        if sha256 is not None:
            text = json.dumps({"facts": facts, "requires_python": requires_python})
            write_whole(self._path(sha256), f"{_digest(text)}\n{text}")

    def _path(self, sha256: str) -> Path:
        return self._folder / f"{sha256[:32]}-{self._reader[:16]}.json"


def keep_listing(folder: Path, releases: list[ReleaseFiles]) -> None:
    """Keep what the index listed, for a later reading without the network."""
    write_whole(folder / "listing.json", json.dumps([asdict(release) for release in releases], default=str))


def kept_listing(folder: Path) -> list[ReleaseFiles]:
    """What the index listed last.

    Raises:
        ContractError: nothing is kept, or it cannot be read.
    """
    try:
        rows = json.loads((folder / "listing.json").read_text(encoding="utf-8"))
        return [ReleaseFiles(**{**row, "version": Version(row["version"])}) for row in rows]
    except (OSError, ValueError, TypeError, KeyError):
        raise ContractError("contract: no list of releases is in the cache; run once with the network") from None


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
