"""``measured.json``: what the cells' tests have seen, release by release, with spans over the matrix's rows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rldk_maintenance.errors import MaintenanceError
from rldk_maintenance.tables.spans import releases_of, spans
from rldk_trl.files import write_whole

SCHEMA = 1
DATA_FILE = Path(__file__).parent / "measured.json"
# What a test may note; None: anything, e.g. the repr of a default.
TABLES: Mapping[str, tuple[str, ...] | None] = {
    "failures": ("reproduced", "absent", "found", "quiet", "fixed"),
    "ablation": ("needed", "not needed"),
    "features": ("works", "refused"),
    "families": ("works", "KL is wrong", "refused", "absent"),
    "defaults": None,
}
DECLARED_THERE = "declared"
"""What the catalogue declares for a cell, beside what was seen there; no test notes this one."""

Seen = Mapping[str, Mapping[str, Mapping[str, frozenset[str]]]]
"""Entry, what was seen, lane: the releases."""


@dataclass(frozen=True)
class Measured:
    """All that was seen.

    ``releases``: the matrix's rows at the time, in order; ``no_ppo``: those without PPO. ``lanes``: for each lane, in
    the matrix's order, the releases on which tests ran. ``cells``: how many cells the matrix declares, and how many
    of these have a result here. ``finished``: the day of the newest result, ISO 8601.
    """

    releases: tuple[str, ...]
    no_ppo: frozenset[str]
    lanes: Mapping[str, frozenset[str]]
    cells: tuple[int, int]
    finished: str
    tables: Mapping[str, Seen]

    def seen(self, table: str, entry: str, saw: str, lane: str) -> frozenset[str]:
        """On which releases something was seen in a lane; empty where no test noted it."""
        return self.tables[table].get(entry, {}).get(saw, {}).get(lane, frozenset())

    def ppo(self, lane: str) -> frozenset[str]:
        """The releases with PPO on which tests ran in a lane."""
        return self.lanes[lane] - self.no_ppo


def write(measured: Measured, path: Path) -> None:
    """Write the data file; the same content gives the same bytes."""
    order = measured.releases
    content = {
        "schema": SCHEMA,
        "finished": measured.finished,
        "cells": list(measured.cells),
        "releases": " ".join(order),
        "no_ppo": spans(measured.no_ppo, order),
        "lanes": {lane: spans(found, order) for lane, found in measured.lanes.items()},
        "tables": {
            table: {
                entry: {
                    saw: {lane: spans(releases, order) for lane, releases in sorted(by_lane.items())}
                    for saw, by_lane in sorted(by_saw.items())
                }
                for entry, by_saw in sorted(measured.tables[table].items())
            }
            for table in TABLES
        },
    }
    write_whole(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def load(path: Path) -> Measured:
    """Read the data file.

    Raises:
        MaintenanceError: it is missing, or is not such a file.
    """
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if content["schema"] != SCHEMA:
            raise ValueError(f"schema {content['schema']}, not {SCHEMA}")
        order = tuple(content["releases"].split())

        def by_lane(found: Mapping[str, str]) -> dict[str, frozenset[str]]:
            return {lane: releases_of(text, order) for lane, text in found.items()}

        return Measured(
            releases=order,
            no_ppo=releases_of(content["no_ppo"], order),
            lanes=by_lane(content["lanes"]),
            cells=(int(content["cells"][0]), int(content["cells"][1])),
            finished=str(content["finished"]),
            tables={
                table: {
                    entry: {saw: by_lane(found) for saw, found in by_saw.items()}
                    for entry, by_saw in content["tables"][table].items()
                }
                for table in TABLES
            },
        )
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise MaintenanceError(
            f"{path.name}: not readable ({type(error).__name__}: {error}); "
            "make it with `python -m rldk_maintenance tables`"
        ) from None
