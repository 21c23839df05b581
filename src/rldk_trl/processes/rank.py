"""One rank: a process that waits for functions, runs them, and reports what came of each."""

from __future__ import annotations

import contextlib
import faulthandler
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import Mapping
from multiprocessing.connection import Connection, wait
from pathlib import Path

from rldk_trl.processes.reports import Raised, Returned

STACK_SIGNAL = getattr(signal, "SIGUSR1", None)
"""On this signal a rank writes where it is. None on Windows."""


def serve(connection: Connection, environment: Mapping[str, str], output: Path, stacks: Path) -> None:
    """Run functions until the parent closes the connection.

    Args:
        connection: Receives a pickled pair of a `FunctionName` and its arguments; sends a `Returned` or `Raised`.
        environment: Set before anything else is imported.
        output: The file for standard output and standard error.
        stacks: The file for stacks, see `STACK_SIGNAL`.
    """
    os.environ.update(environment)
    if hasattr(os, "setsid"):
        os.setsid()  # the parent kills this rank together with the processes that it starts
    threading.Thread(target=_die_with_parent, daemon=True).start()
    with output.open("ab", buffering=0) as file:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    stack_file = stacks.open("w", encoding="utf-8")
    if STACK_SIGNAL is not None:
        faulthandler.register(STACK_SIGNAL, file=stack_file, all_threads=True)
    with contextlib.suppress(EOFError):
        while True:
            connection.send(_report(connection.recv_bytes()))


def _report(request: bytes) -> Returned | Raised:
    try:
        function, args = pickle.loads(request)
        return Returned(pickle.dumps(function.find()(*args)))
    except BaseException as error:  # SystemExit too: the parent decides when this process ends
        return Raised.now(error, time.time())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    if hasattr(os, "killpg"):
        os.killpg(0, signal.SIGKILL)
    os._exit(1)
