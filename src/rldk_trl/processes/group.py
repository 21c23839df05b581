"""A group of processes that run the same function, as the ranks of a distributed run."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pickle
import signal
import socket
import tempfile
import time
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from rldk_trl.processes.functions import FunctionName
from rldk_trl.processes.rank import STACK_SIGNAL, serve
from rldk_trl.processes.reports import Raised, RankError, RanksHungError, Returned
from rldk_trl.processes.stacks import main_thread, place

# After the first error, the other ranks have this long to report theirs. Most wait for the failed one.
_GRACE_S = 2.0
_STACKS_S = 1.0


class ProcessGroup:
    """``size`` processes with the environment variables that ``torchrun`` sets. `run` starts them when needed.

    They stay for the next `run`. If a rank fails while another one still runs, dies, or hangs, all are killed, and
    the next `run` starts new ones.
    """

    def __init__(self, size: int, environment: Mapping[str, str]) -> None:
        self.size = size
        self._environment = dict(environment)
        self._ranks: list[tuple[multiprocessing.process.BaseProcess, Connection]] = []
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self.outputs: list[str] = []
        """What each rank wrote to standard output and standard error in the last `run`."""

    def run(
        self, function: Callable[..., Any], *args: Any, timeout_s: float, called: FunctionName | None = None
    ) -> list[Any]:
        """Run ``function(*args)`` in each process and return the results by rank.

        Args:
            function: At the top of a module.
            *args: Arguments that can be pickled.
            timeout_s: Seconds for all ranks together, including their start.
            called: The user's function, if ``function`` calls it. Errors name this one.

        Raises:
            TypeError: The function or an argument cannot be sent to another process.
            RankError: A rank died.
            RanksHungError: The ranks did not finish in time.
            BaseException: The exception of the rank that failed first. Its cause has the traceback in that rank.
        """
        named = FunctionName.of(function)
        try:
            request = pickle.dumps((named, args))
        except Exception as error:
            raise TypeError(
                f"an argument of {(called or named).qualname} cannot be sent to another process: {error}"
            ) from error
        deadline = time.monotonic() + timeout_s
        self._start()
        written = [file.stat().st_size for file in self._files("output")]
        reports: dict[int, Returned | Raised] = {}
        try:
            for _, connection in self._ranks:
                connection.send_bytes(request)
            self._collect(reports, deadline, called or named, timeout_s)
        finally:
            self.outputs = self._read(written)
            if len(reports) < self.size:
                self.end()
        failed = {rank: report for rank, report in reports.items() if isinstance(report, Raised)}
        if failed:
            first = min(failed, key=lambda rank: failed[rank].at)
            raise failed[first].as_exception(first, self.size)
        return [pickle.loads(report.value) for _, report in sorted(reports.items()) if isinstance(report, Returned)]

    def end(self) -> None:
        """Kill the processes and what they have started."""
        for process, connection in self._ranks:
            connection.close()
            if process.pid is not None and hasattr(os, "killpg"):
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(process.pid, signal.SIGKILL)
            process.kill()  # it may not have its own process group yet
            process.join()
        self._ranks = []
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def _start(self) -> None:
        if any(not process.is_alive() for process, _ in self._ranks):
            self.end()
        if self._ranks:
            return
        self._folder = tempfile.TemporaryDirectory(prefix="rldk-trl-ranks-")
        spawn = multiprocessing.get_context("spawn")
        common = {
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(_free_port()),
            "WORLD_SIZE": str(self.size),
            "LOCAL_WORLD_SIZE": str(self.size),
        }
        for rank in range(self.size):
            ours, theirs = spawn.Pipe()
            environment = {**common, "RANK": str(rank), "LOCAL_RANK": str(rank), **self._environment}
            output, stacks = (self._files(kind)[rank] for kind in ("output", "stacks"))
            output.touch()
            process = spawn.Process(target=serve, args=(theirs, environment, output, stacks), name=f"rank {rank}")
            process.start()
            theirs.close()
            self._ranks.append((process, ours))

    def _collect(
        self, reports: dict[int, Returned | Raised], deadline: float, named: FunctionName, timeout_s: float
    ) -> None:
        until = deadline
        while len(reports) < self.size:
            waiting = {rank: self._ranks[rank][1] for rank in range(self.size) if rank not in reports}
            ready = wait(waiting.values(), timeout=max(until - time.monotonic(), 0))
            if not ready:
                break
            for rank, connection in waiting.items():
                if connection not in ready:
                    continue
                try:
                    reports[rank] = connection.recv()
                except (EOFError, OSError):
                    raise RankError(self._died(rank, named)) from None
            if any(isinstance(report, Raised) for report in reports.values()):
                until = min(until, time.monotonic() + _GRACE_S)
        if len(reports) < self.size and not any(isinstance(report, Raised) for report in reports.values()):
            raise self._hung(reports, named, timeout_s)

    def _died(self, rank: int, named: FunctionName) -> str:
        process = self._ranks[rank][0]
        process.join()
        code = process.exitcode or 0
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        return f"rank {rank} of {self.size} {how} in {named.qualname}; the other ranks were stopped"

    def _hung(self, reports: dict[int, Any], named: FunctionName, timeout_s: float) -> RanksHungError:
        if STACK_SIGNAL is not None:
            for process, _ in self._ranks:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process.pid or 0, STACK_SIGNAL)
            time.sleep(_STACKS_S)
        places, notes = [], []
        for rank, file in enumerate(self._files("stacks")):
            text = file.read_text(encoding="utf-8") if file.exists() else ""
            where = "done" if rank in reports else place(text, named.file)
            places.append(f"rank {rank} {where}")
            notes.append(f"rank {rank}, most recent call first:\n{main_thread(text)}")
        error = RanksHungError(f"{named.qualname} was not done after {timeout_s:.0f} s: {'; '.join(places)}")
        for note in notes:
            error.add_note(note)
        return error

    def _files(self, kind: str) -> list[Path]:
        assert self._folder is not None
        return [Path(self._folder.name) / f"{kind}-{rank}.txt" for rank in range(self.size)]

    def _read(self, written: list[int]) -> list[str]:
        return [
            file.read_bytes()[start:].decode("utf-8", "replace")
            for file, start in zip(self._files("output"), written, strict=True)
        ]


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port
