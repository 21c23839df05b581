"""Write files whole or not at all, and compute digests of files."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterable
from pathlib import Path


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file (text as UTF-8) whole or not at all, even if the process is killed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # One name per thread: two threads that write the same file must not remove each other's temporary file.
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def tree_digest(root: Path, places: Iterable[str]) -> str:
    """Return the SHA-256 over names and contents of files and whole folders, given relative to ``root``.

    Compiled files are left out, and so are the locks: no cell depends on the lock of another.

    Raises:
        FileNotFoundError: one of the places does not exist.
    """
    sha = hashlib.sha256()
    for place in sorted(set(places)):
        start = root / place
        if not start.exists():
            raise FileNotFoundError(f"{place} is not in {root}")
        files = [start] if start.is_file() else sorted(path for path in start.rglob("*") if path.is_file())
        for file in files:
            if file.suffix == ".pyc" or file.parent.name == "constraints":
                continue
            # The lengths keep the end of one file apart from the start of the next.
            name, content = file.relative_to(root).as_posix().encode(), file.read_bytes()
            sha.update(f"{len(name)} {len(content)} ".encode() + name + content)
    return sha.hexdigest()
