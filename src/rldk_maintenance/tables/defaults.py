"""The library's ``defaults.json``: each release's defaults, from the configs that the cells of lane `period` built."""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from typing import Any

from rldk.integrations.trl.config.defaults import OPTIONS
from rldk_maintenance.errors import MaintenanceError
from rldk_maintenance.tables.data import Measured
from rldk_trl.matrix.schema import PERIOD


def defaults_seen(measured: Measured) -> Mapping[str, Mapping[str, list[str]]]:
    """Option -> release -> the defaults seen there, as Python writes them: none where the config lacks the option.

    Only releases for which a test noted any default are included.
    """
    table = measured.tables["defaults"]
    seen = {
        option: {
            release: [saw for saw in by_saw if release in measured.seen("defaults", option, saw, PERIOD)]
            for release in measured.releases
        }
        for option, by_saw in table.items()
    }
    noted = [release for release in measured.releases if any(found[release] for found in seen.values())]
    return {option: {release: found[release] for release in noted} for option, found in seen.items()}


def render(measured: Measured) -> str:
    """The file's text: option -> ``[since release, default]`` for each change; ``[since release]`` where it is gone.

    Raises:
        MaintenanceError: two tests saw different defaults on one release, or one is not a plain value.
    """
    seen = defaults_seen(measured)
    rows = [f"  {json.dumps(option)}: {json.dumps(_runs(option, seen.get(option, {})))}" for option in OPTIONS]
    return "{\n" + ",\n".join(rows) + "\n}\n"


def _runs(option: str, seen: Mapping[str, list[str]]) -> list[list[Any]]:
    runs: list[list[Any]] = []
    for release, found in seen.items():
        try:
            now = [ast.literal_eval(saw) for saw in found]
        except (ValueError, SyntaxError):
            raise MaintenanceError(
                f"tables: {release}: {' and '.join(found)}, the default of {option}, is not a plain value; "
                "convert it in tests/cell/own_defaults.py, then run the cell again"
            ) from None
        if len(now) > 1:
            raise MaintenanceError(
                f"tables: {release}: tests saw two defaults of {option}, {' and '.join(found)}; fix one test"
            )
        if (runs[-1][1:] if runs else []) != now:
            runs.append([release, *now])
    return runs
