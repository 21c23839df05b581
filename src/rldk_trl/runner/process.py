"""Run a program, show and log its output, and end it at its time limit."""

from __future__ import annotations

import codecs
import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from io import BufferedReader
from pathlib import Path
from types import FrameType
from typing import IO, Any, TextIO, cast

_GRACE_S = 3.0
_PR_SET_PDEATHSIG = 1
# Looked up before the fork, because little is safe after it.
_PRCTL: Any = ctypes.CDLL(None).prctl if sys.platform == "linux" else None


def run_logged(
    command: Sequence[str], *, cwd: Path, env: Mapping[str, str], log: Path, timeout_s: float
) -> tuple[int, str]:
    """Run a command in its own process group. Its output goes to our standard output and is added to the log.

    Returns:
        The exit code (negative: the signal that ended it) and the output.

    Raises:
        TimeoutError: the limit was reached; the whole group has been killed.
        OSError: the log could not be written (a full disk). The program has still run to its end.
    """
    with log.open("ab", buffering=0) as log_file, _terminate_raises():
        log_file.write(f"$ {' '.join(command)}\n".encode())
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            process_group=0 if os.name == "posix" else None,
            # One prctl(2) call, and no thread of ours runs yet.
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509
        )
        assert process.stdout is not None
        output: list[bytes] = []
        unwritten: list[OSError] = []
        reader = threading.Thread(
            target=_copy, args=(cast("BufferedReader", process.stdout), log_file, output, unwritten), daemon=True
        )
        reader.start()
        try:
            code = process.wait(timeout=max(timeout_s, 0.0))
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"not done after {timeout_s:.0f} s") from None
        finally:
            # Also after a normal exit: a leftover worker would keep the pipe open and the machine busy for ever.
            _kill_group(process)
            reader.join(_GRACE_S)
    if unwritten:
        raise OSError(unwritten[0].errno, unwritten[0].strerror, str(log))
    return code, b"".join(output).decode("utf-8", "replace")


def _die_with_parent() -> None:
    # After `kill -9` of nox our cleanup does not run, so the kernel ends the cell (prctl(2)).
    _PRCTL(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _copy(source: BufferedReader, log_file: IO[bytes], output: list[bytes], unwritten: list[OSError]) -> None:
    show: TextIO | None = sys.stdout
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    while chunk := source.read1(65536):
        output.append(chunk)
        if not unwritten:
            try:
                log_file.write(chunk)
            except OSError as error:
                unwritten.append(error)
        # Keep reading if the output is closed or has a smaller character set: otherwise the program would hang.
        try:
            if show is not None:
                encoding = show.encoding or "utf-8"
                show.write(decoder.decode(chunk).encode(encoding, "backslashreplace").decode(encoding))
                show.flush()
        except (OSError, ValueError):
            show = None


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    if os.name != "posix":
        process.kill()
        process.wait()
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=_GRACE_S)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@contextlib.contextmanager
def _terminate_raises() -> Iterator[None]:
    """Make SIGTERM an exception. `nox -j` ends its sessions with it, and our process group is not in nox's."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    previous = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)
