"""Nox sessions that run tests against the pinned TRL releases, in this project or in any other.

In a ``noxfile.py``::

    from rldk_trl.nox import trl_matrix

    trl_matrix(tests=["tests"], install=["-e", "."], releases=">=0.12,<1.13")

This declares one session per cell, such as ``trl_matrix(0.12.2)``, and the session ``trl_report``. Nothing here
imports pytest.
"""

from __future__ import annotations

import importlib.metadata
import inspect
import json
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlparse
from urllib.request import url2pathname

import nox

from rldk_trl.errors import RldkTrlError, RunError
from rldk_trl.matrix.cells import all_cells, cells_in_worlds, select_cells
from rldk_trl.matrix.loader import checkout_root, load_matrix
from rldk_trl.matrix.schema import SINGLE
from rldk_trl.report import write_reports
from rldk_trl.report.options import report_options
from rldk_trl.runner.cell import CellJob
from rldk_trl.runner.choice import read_options
from rldk_trl.runner.devices import device_name
from rldk_trl.runner.disk import budget_bytes
from rldk_trl.runner.session import keep_within, run_and_judge, watch_run
from rldk_trl.runner.uv_tool import find_uv

DISTRIBUTION = "rldk-trl"
DEFAULT_SOURCES = ("src", "pyproject.toml")
TIMEOUT_S = 20 * 60.0
TIMEOUT_VARIABLE = "RLDK_TRL_CELL_TIMEOUT"


def trl_matrix(
    *,
    tests: Sequence[str] = ("tests",),
    install: Sequence[str] = (),
    releases: str | None = None,
    tags: Collection[str] = (),
    sources: Sequence[str] | None = None,
    env: Mapping[str, str] | None = None,
    timeout_s: float = TIMEOUT_S,
    worlds: Mapping[str, Sequence[str]] | None = None,
) -> None:
    """Declare the sessions ``trl_matrix`` (one per cell) and ``trl_report``.

    Each cell gets its own environment with its lock, rldk-trl and ``install``. Then pytest runs once in the folder
    of the noxfile, and the results go to ``.matrix`` there. A cell is not run again if its last result was as
    declared and its inputs have not changed; the session reports that.

    Options after ``--``: ``--fresh`` runs all cells, ``--only-failed`` runs the cells that were not as declared, and
    ``--since REV`` runs the cells with inputs that changed since a git revision. Other options go to pytest. The
    environment variable ``RLDK_TRL_DISK_GB`` (default 10) limits the disk space of the environments.

    Args:
        tests: files and folders for pytest.
        install: arguments of ``uv pip install``, e.g. ``["-e", ".", "peft"]``; the lock constrains them.
        releases: a PEP 440 specifier, e.g. ``">=0.12,<1.13"``; default: all releases.
        tags: only cells with all of these tags (smoke, period, today, step, train, no-ppo). Here a cell in a world
            has the tags of its release's cell in the lane period too.
        sources: files and folders that a result depends on besides the tests, for its digest; default: ``src`` and
            ``pyproject.toml``, if they exist.
        env: environment variables for the cells; they override the usual ones (offline, no accelerator, one thread).
        timeout_s: seconds that a cell may take, installation included. The environment variable
            ``RLDK_TRL_CELL_TIMEOUT`` overrides it.
        worlds: the worlds to run besides ``single``, each with its own files and folders for pytest, e.g.
            ``{"ddp": ["tests/distributed"]}``. They have sessions such as ``trl_matrix(0.23.0-ddp)``, for the chosen
            releases. In each, ``RLDK_TRL_WORLD`` names the world.
    """
    try:
        matrix = load_matrix()
        tests_of = {SINGLE: tests, **(worlds or {})}
        cells = select_cells(cells_in_worlds(all_cells(matrix), tests_of), releases=releases, tags=tags)
        if worlds:
            cells_in_worlds(cells, worlds)  # none is left without cells
        limit = _limit(timeout_s)
    except RldkTrlError as error:
        raise SystemExit(f"rldk-trl: {error}") from None
    by_id = {cell.id: cell for cell in cells}  # nox writes the parameters into its own JSON report

    devices = {maker: device_name(maker) if maker else "" for maker in {cell.world.device for cell in cells}}
    watch_run("trl_matrix", [cell for cell in cells if devices[cell.world.device] is not None])

    def run(session: nox.Session, cell: str) -> None:
        """Test one pinned TRL release; after --: --fresh, --only-failed, --since REV, and pytest's options."""
        world = by_id[cell].world
        device = devices[world.device]
        if device is None:
            session.skip(f"{cell}: no {world.device} device here ({world.device}-smi shows none); run it where one is")
        try:
            uv, asked, budget = find_uv(), read_options(session.posargs), budget_bytes(os.environ)
        except RldkTrlError as error:
            session.error(str(error))
        root = Path.cwd()
        outer = {**os.environ, **session.env}
        here = [place for place in DEFAULT_SOURCES if (root / place).exists()] if sources is None else sources
        job = CellJob(
            cell=by_id[cell],
            root=root,
            python=Path(session.bin).resolve() / "python",
            uv=uv,
            tests=tuple(tests_of[world.name]),
            own=own_requirement(),
            install=tuple(install),
            args=asked.args,
            sources=tuple(here),
            base_env={name: value for name, value in outer.items() if value is not None},
            env=env or {},
            timeout_s=limit,
            device=device,
        )
        if run_and_judge(session, job, asked):
            keep_within(session, budget, Path(session.virtualenv.location))

    def report(session: nox.Session) -> None:
        """Write .matrix/report.html, .md and .json from the cells' results; after --: --compare OTHER."""
        try:
            # With a choice of releases or tags, the report shows only the cells that run.
            listed = [] if releases or tags else matrix.listed
            other = report_options(session.posargs).compare
            for path in write_reports(Path.cwd(), cells, listed=listed, compare=other):
                session.log(f"wrote {path.relative_to(Path.cwd())}")
        except RldkTrlError as error:
            session.error(str(error))

    _declare(
        nox.parametrize("cell", [nox.param(cell.id, id=cell.id, tags=cell.tags) for cell in cells])(run),
        name="trl_matrix",
        python=matrix.python,
        venv_backend="uv",
        reuse_venv=True,  # `uv pip sync` installs exactly the lock, whatever was there before
        allow_parallel=True,
    )
    _declare(report, name="trl_report", venv_backend="none")


def own_requirement() -> str:
    """Return the requirement that installs the running rldk-trl: its checkout, its origin, or its release."""
    if (checkout_root() / "matrix.toml").is_file():
        return str(checkout_root())
    distribution = importlib.metadata.distribution(DISTRIBUTION)
    origin = json.loads(distribution.read_text("direct_url.json") or "{}")
    url = origin.get("url", "")
    if "vcs_info" in origin:
        vcs = origin["vcs_info"]
        return f"{DISTRIBUTION} @ {vcs['vcs']}+{url}@{vcs['commit_id']}"
    if url.startswith("file:"):
        place = Path(url2pathname(urlparse(url).path))
        if place.exists():
            return str(place)
    return f"{DISTRIBUTION}=={distribution.version}"


def _declare(function: Callable[..., None], **options: Any) -> None:
    # `allow_parallel` came with nox's `-j`; an older nox runs the cells one by one.
    known = inspect.signature(nox.session).parameters
    nox.session(**{key: value for key, value in options.items() if key in known})(function)


def _limit(timeout_s: float) -> float:
    text = os.environ.get(TIMEOUT_VARIABLE)
    try:
        limit = timeout_s if text is None else float(text)
    except ValueError:
        limit = 0.0
    if not 0 < limit < float("inf"):
        raise RunError(f"{TIMEOUT_VARIABLE}={text}, timeout_s={timeout_s}: write a number of seconds above 0")
    return limit
