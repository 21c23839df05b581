"""``python -m rldk_maintenance peer``: run TRL's own PPO tests in three ways, and print a table."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rldk_maintenance.errors import MaintenanceError
from rldk_maintenance.markdown import table
from rldk_maintenance.peer.stand_ins import make_stand_ins
from rldk_maintenance.peer.ways import RECORD_VARIABLE, WAY_VARIABLE, WAYS
from rldk_trl.files import write_whole
from rldk_trl.matrix.loader import checkout_root
from rldk_trl.runner.environment import CELL_ENV
from rldk_trl.runner.junit import JUnitReport, read_junit

_REPOSITORY = "https://github.com/huggingface/trl"
_PLUGIN = {"alone": "no:rldk_trl", "validated": "rldk_trl", "created": "rldk_trl"}


def add_command(commands: Any) -> None:
    """Add the command to those of ``python -m rldk_maintenance``."""
    peer = commands.add_parser("peer", help="run the PPO tests of the installed TRL with TRL alone and with ours")
    peer.add_argument("--repository", default=_REPOSITORY, help="where git finds TRL (default: %(default)s)")
    peer.set_defaults(run=_peer)


def _peer(options: argparse.Namespace) -> None:
    from rldk_maintenance.peer.sources import fetch_tests  # needs pypi-simple, which other commands do not

    release = version("trl")
    results = checkout_root() / ".matrix" / "peer"
    results.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="peer-") as scratch:
        work = Path(scratch) / "trl"
        work.mkdir()
        test_file, source = fetch_tests(release, work, options.repository)
        missing = make_stand_ins(test_file, work)
        reports = {way: _run(way, test_file, work, results / f"{release}-{way}") for way in WAYS}
        record = _records(work / "record.jsonl")
    summary = summarize(release, source, missing, reports, record)
    write_whole(results / f"{release}.json", json.dumps(summary, indent=2) + "\n")
    print(_page(summary))
    if not summary["counts"]["alone"]["passed"]:
        raise MaintenanceError(f"peer: no test passes with TRL {release} alone; see .matrix/peer/{release}-alone.log")
    if summary["changed"]:
        raise MaintenanceError(
            f"peer: {len(summary['changed'])} tests of TRL {release} end differently with the library; see "
            f".matrix/peer/{release}-created.log"
        )


def _run(way: str, test_file: Path, work: Path, files: Path) -> JUnitReport:
    junit, log = files.with_name(f"{files.name}.xml"), files.with_name(f"{files.name}.log")
    command = [sys.executable, "-m", "pytest", str(test_file.relative_to(work)), "-p", "rldk_maintenance.peer.ways"]
    command += ["-p", _PLUGIN[way], "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", str(work), "-q"]
    command += ["-k", "PPOTrainer"]  # since 0.26.0 the file also has tests of value heads alone
    own = {WAY_VARIABLE: way, RECORD_VARIABLE: str(work / "record.jsonl"), "HF_HOME": str(work / "home")}
    with log.open("w", encoding="utf-8") as output:
        subprocess.run(
            [*command, f"--junitxml={junit}"],
            cwd=work,
            env={**os.environ, **CELL_ENV, **own},
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    shutil.rmtree(work / "home", ignore_errors=True)
    return read_junit(junit)


def _records(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def summarize(
    release: str, source: str, missing: list[str], reports: dict[str, JUnitReport], record: list[dict[str, Any]]
) -> dict[str, Any]:
    """Return what the three runs of a release show: counts, tests that end differently, and wrong verdicts.

    Args:
        release: the version of TRL.
        source: where its tests come from.
        missing: the Hub names without a stand-in.
        reports: pytest's report of each way.
        record: one entry for each constructor that ``validate_ppo_setup`` was called before.
    """
    failed = {
        way: {one.test: one.message.splitlines()[:1] for one in report.failures} for way, report in reports.items()
    }
    alone = failed["alone"]
    return {
        "release": release,
        "tests_from": source,
        "without_stand_in": missing,
        "counts": {way: vars(report.counts) for way, report in reports.items()},
        "failures_alone": alone,
        "changed": sorted(
            f"{test} ({way}): {' '.join(failed[way].get(test, ['passes']))}"
            for way in WAYS
            for test in alone.keys() ^ failed[way].keys()
        ),
        "constructions": len(record),
        # The two ways in which validate_ppo_setup can be wrong about a construction.
        "invalid_but_built": sorted({issue for one in record if one["error"] is None for issue in one["issues"]}),
        "valid_but_failed": sorted({one["error"] for one in record if one["error"] and one["valid"]}),
    }


def _page(summary: dict[str, Any]) -> str:
    rows = [[way, *map(str, counts.values())] for way, counts in summary["counts"].items()]
    counted = next(iter(summary["counts"].values()))
    said = [f"TRL {summary['release']}; tests from {summary['tests_from']}", table(["way", *counted], rows)]
    said.append(f"constructions checked by validate_ppo_setup: {summary['constructions']}")
    for name in ("invalid_but_built", "valid_but_failed", "changed", "without_stand_in"):
        said += [f"{name.replace('_', ' ')}: {line}" for line in summary[name]]
    return "\n".join(said)
