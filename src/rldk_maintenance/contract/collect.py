"""Reads every release on the index and shows progress; a release that cannot be read gets the reason."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TextIO

from rldk_maintenance.contract.cache import ReadingCache, keep_listing, kept_listing
from rldk_maintenance.contract.data import Contract, ReleaseReading
from rldk_maintenance.contract.index import IndexClient, index_url
from rldk_maintenance.contract.name_places import ppo_names_only
from rldk_maintenance.contract.reading import Facts, read_release
from rldk_maintenance.contract.wheels import ReleaseFiles, WheelStore, group_releases
from rldk_maintenance.errors import ContractError, NotRunError

_DOWNLOADS = 8


def collect(cache: Path, *, offline: bool = False, out: TextIO = sys.stderr) -> Contract:
    """Read every TRL release's wheel; nothing is installed.

    Args:
        cache: a folder that keeps wheels and what was read of them, by their SHA-256.
        offline: use only what is in the cache; a wheel that is missing there is `not run`.
        out: where progress goes.

    Raises:
        ContractError: the index's list of releases could not be read.
    """
    index = None if offline else IndexClient(index_url())
    if index is None:
        releases = kept_listing(cache)
    else:
        releases = group_releases(index.files("trl"))
        keep_listing(cache, releases)
    store, readings = WheelStore(cache / "wheels", index), ReadingCache(cache / "readings")
    kept = [readings.get(release.sha256) for release in releases]
    progress = Progress(len(releases), out)
    answers = []
    with ThreadPoolExecutor(_DOWNLOADS) as pool:
        wheels = [
            None if known else pool.submit(store.get, release) for release, known in zip(releases, kept, strict=True)
        ]
        try:
            for release, known, wheel in zip(releases, kept, wheels, strict=True):
                answers.append(_reading(release, known, wheel, readings))
                progress.done(answers[-1])
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)  # ctrl-C must not wait for a hundred downloads
            raise
    return Contract(tuple(ppo_names_only(answers)))


def _reading(
    release: ReleaseFiles,
    known: tuple[Facts, str | None] | None,
    wheel: Future[bytes] | None,
    readings: ReadingCache,
) -> ReleaseReading:
    answer = ReleaseReading(
        version=str(release.version),
        date=release.uploaded,
        requires_python=release.requires_python,
        yanked=release.yanked,
        sha256=release.sha256,
    )
    try:
        if known is None:
            assert wheel is not None
            known = read_release(wheel.result())
            readings.put(release.sha256, *known)
    except NotRunError as error:
        return replace(answer, not_run=str(error))
    except ContractError as error:
        return replace(answer, error=str(error))
    return replace(answer, facts=known[0], requires_python=known[1])


class Progress:
    """One line that is written over on a terminal, else a line every two seconds."""

    _EVERY_S = 2.0

    def __init__(self, total: int, out: TextIO) -> None:
        self._total = total
        self._out = out
        self._count = 0
        self._start = self._last = time.monotonic()
        self._terminal = out.isatty()

    def done(self, reading: ReleaseReading) -> None:
        """Say that a release was read, or why it was not."""
        self._count += 1
        now = time.monotonic()
        if not reading.read:
            what = f"error: {reading.error}" if reading.error else f"not run: {reading.not_run}"
            start = "\r" if self._terminal else ""
            print(f"{start}{reading.version}: {what}", file=self._out, flush=True)
        if self._count < self._total and not self._terminal and now - self._last < self._EVERY_S:
            return
        self._last = now
        spent = now - self._start
        left = spent / self._count * (self._total - self._count)
        text = f"[{self._count}/{self._total}] {reading.version}, {spent:.0f} s, about {left:.0f} s left"
        end = "\r" if self._terminal and self._count < self._total else "\n"
        print(text.ljust(60), end=end, file=self._out, flush=True)


def problems(contract: Contract) -> Sequence[ReleaseReading]:
    """The releases that were not read."""
    return [release for release in contract.releases if not release.read]
