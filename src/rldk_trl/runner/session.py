"""The nox session of one cell: decide, run, judge, report progress, free disk space."""

from __future__ import annotations

import atexit
import sys
from collections.abc import Sequence
from pathlib import Path

import nox

from rldk_trl.errors import RldkTrlError
from rldk_trl.matrix.cells import Cell
from rldk_trl.matrix.locks import lock_path
from rldk_trl.matrix.schema import SINGLE
from rldk_trl.runner.cell import CellJob, our_inputs, own_inputs, result_digest, run_cell
from rldk_trl.runner.choice import Asked, Choice, choose
from rldk_trl.runner.disk import prune, record_use
from rldk_trl.runner.outcome import DECLARED
from rldk_trl.runner.progress import CellEnd, begin, ended, ends_of_run, failures_table, started
from rldk_trl.runner.results import CellResult, read_result, result_files
from rldk_trl.runner.since import changed_files, row_changed, touches


def watch_run(session: str, cells: Sequence[Cell]) -> None:
    """Open a run. The process that opened it prints the table of what failed at its exit."""
    if begin(Path.cwd(), session, {cell.id: cell.tags for cell in cells}, sys.argv[1:]):
        atexit.register(_say_failures, session)


def run_and_judge(session: nox.Session, job: CellJob, asked: Asked) -> bool:
    """Run a cell unless it can be skipped; fail the session if its status is not the declared one.

    Returns:
        Whether the cell was run.
    """
    try:
        previous = _previous(job)
        digest = result_digest(job)
        choice = _choice(job, asked, previous, digest)
        if not choice.run:
            if previous is not None:
                _end(session, job, previous, ran=False)
            session.log(f"{job.cell.id}: not run again: {choice.why} (-- --fresh runs it)")
            return False
        world = "" if job.cell.world.name == SINGLE else f", world {job.cell.world.name}"
        session.log(f"TRL {job.cell.release.version}, lane {job.cell.lane.name}{world}: {choice.why}")
        started(job.cell.id)
        result = run_cell(job, digest)
    except RldkTrlError as error:
        session.error(str(error))
    except OSError as error:  # a full disk, or a results folder that cannot be written
        place = error.filename or job.root / ".matrix"
        session.error(f"{job.cell.id}: {error.strerror}: {place}; fix that and run the cell again")
    _end(session, job, result, ran=True)
    declared = DECLARED[job.cell.expectation.status]
    said = f"{job.cell.id}: {result.status}" + (f" ({result.reason})" if result.reason else "")
    if result.status != declared:
        log = result_files(job.root, job.cell.id).log.relative_to(job.root)
        session.error(f'{said}; declared {declared}; see {log}; run again with: nox -s "trl_matrix({job.cell.id})"')
    tests = result.tests
    session.log(f"{said}; {tests.passed} passed, {tests.skipped} skipped in {result.duration_s:.0f} s")
    return True


def keep_within(session: nox.Session, budget: float, environment: Path) -> None:
    """Record the use of this cell's environment; remove the least recently used ones over the budget (bytes)."""
    try:
        record_use(environment)
    except OSError:
        return  # another session has removed it meanwhile
    for removed in prune(list(environment.parent.glob("trl_matrix*")), budget, in_use=environment):
        session.log(f"removed {removed.name}: over the disk budget")


def _previous(job: CellJob) -> CellResult | None:
    try:
        return read_result(job.root, job.cell.id)
    except RldkTrlError:
        return None  # not a result: the cell's run replaces it


def _choice(job: CellJob, asked: Asked, previous: CellResult | None, digest: str) -> Choice:
    touched = None if asked.since is None else _touched(job, asked.since)
    return choose(asked, job.cell.expectation.status, previous, digest, touched)


def _touched(job: CellJob, revision: str) -> bool:
    changed = changed_files(job.root, revision)
    if touches(changed, [*own_inputs(job), *our_inputs(job), lock_path(job.cell, job.constraints)]):
        return True
    return job.cell.matrix.path.resolve() in changed and row_changed(job.cell, revision)


def _end(session: nox.Session, job: CellJob, result: CellResult, *, ran: bool) -> None:
    log = result_files(job.root, job.cell.id).log.relative_to(job.root)
    declared = result.status == DECLARED[job.cell.expectation.status]
    end = CellEnd(job.cell.id, result.status, declared, ran, result.phase, result.reason, str(log))
    session.log(ended(end))


def _say_failures(session: str) -> None:
    try:
        lines = failures_table(ends_of_run(), session)
    except (OSError, ValueError, TypeError) as error:
        lines = [f"rldk-trl: cannot read how the cells ended ({error}); see `nox -s trl_report`"]
    if lines:
        sys.stdout.flush()
        print("\n".join(["", *lines]), file=sys.stderr)
