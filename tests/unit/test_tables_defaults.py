"""The library's table of defaults, made from what cells have seen. That the shipped one is: test_tables_pages.py."""

from __future__ import annotations

import dataclasses
import json

import pytest

from rldk.integrations.trl.config.defaults import OPTIONS
from rldk_maintenance.errors import MaintenanceError
from rldk_maintenance.tables import data, defaults

# 1.16.0 has no PPO: no test notes a default there.
ORDER = ("0.2.0", "0.9.6", "0.10.1", "1.0.0rc1", "1.16.0")
MEASURED = data.Measured(
    releases=ORDER,
    no_ppo=frozenset({"1.16.0"}),
    lanes={"period": frozenset(ORDER), "today": frozenset(ORDER)},
    cells=(10, 10),
    finished="2026-11-20",
    tables={},
)


def runs(**seen):
    """What the file says where cells have seen these defaults: option -> what was seen -> lane -> releases."""
    table = {
        option: {
            saw: {lane: frozenset(releases) for lane, releases in by_lane.items()} for saw, by_lane in by_saw.items()
        }
        for option, by_saw in seen.items()
    }
    return json.loads(defaults.render(dataclasses.replace(MEASURED, tables={"defaults": table})))


def test_a_run_for_each_change_in_the_order_of_rows():
    found = runs(
        seed={"1": {"period": ["0.2.0", "0.9.6"]}, "None": {"period": ["1.0.0rc1"]}},
        optim={"'adamw'": {"period": ["0.10.1", "1.0.0rc1"]}},
        not_an_option={"7": {"period": ["0.2.0"]}},
    )
    assert found["seed"] == [["0.2.0", 1], ["0.10.1"], ["1.0.0rc1", None]]
    assert found["optim"] == [["0.10.1", "adamw"]]
    assert list(found) == list(OPTIONS)
    assert found["gamma"] == []


def test_a_default_that_is_written_differently_has_not_changed():
    assert runs(gamma={"1": {"period": ["0.2.0"]}, "1.0": {"period": ["0.9.6", "0.10.1", "1.0.0rc1"]}})["gamma"] == [
        ["0.2.0", 1]
    ]


def test_lane_today_does_not_count():
    assert runs(seed={"1": {"period": ["0.2.0"]}, "2": {"today": list(ORDER)}})["seed"] == [["0.2.0", 1]]


def test_two_defaults_on_one_release_are_an_error():
    with pytest.raises(MaintenanceError, match=r"^tables: 0\.9\.6: tests saw two defaults of seed, 1 and 2; fix"):
        runs(seed={"1": {"period": ["0.2.0", "0.9.6"]}, "2": {"period": ["0.9.6"]}})


def test_what_is_not_a_plain_value_is_an_error():
    with pytest.raises(MaintenanceError, match=r"^tables: 0\.2\.0: <Kind\.A: 1>, the default of seed, is not a plain"):
        runs(seed={"<Kind.A: 1>": {"period": ["0.2.0"]}})
