"""docs/architecture.md and its picture say what the code's imports and docstrings say."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from blocks import ROOT
from rldk_maintenance.architecture.pages import make
from rldk_maintenance.architecture.rooms import Room, read_packages
from rldk_maintenance.architecture.ways import Box, find_ways
from rldk_maintenance.errors import MaintenanceError

A, B, C = (Box(Room(name, 100, ""), row, 100, 100 * row, 80, 40) for row, name in enumerate("abc"))


def test_the_picture_and_the_list_of_rooms_are_what_the_code_says():
    for path, text in make(ROOT).items():
        assert path.read_text(encoding="utf-8") == text, "run `python -m rldk_maintenance architecture`"


def test_each_room_is_drawn_and_each_arrow_has_its_number():
    (picture, _) = make(ROOT).values()
    drawn = re.findall(r'<text class="name".*>(.+)</text>', picture)
    assert {"rldk_trl", "rldk.integrations.trl", "releases", "plugin", "architecture"} <= set(drawn)
    assert not {"__main__", "utils"} & set(drawn)
    assert picture.count('fill="none"') == picture.count('class="count"') > len(drawn)


def test_the_number_is_that_of_the_imports():
    packages, between = read_packages(ROOT)
    arrows = next(one.arrows for one in packages if one.room.name == "rldk_trl")
    texts = [file.read_text(encoding="utf-8") for file in (ROOT / "src/rldk_trl/matrix").glob("*.py")]
    assert arrows["rldk_trl.matrix", "rldk_trl.errors"] == sum("from rldk_trl.errors import" in text for text in texts)
    assert set(between) == {
        ("rldk_maintenance", "rldk_trl"),
        ("rldk_maintenance", "rldk.integrations.trl"),
        ("rldk_trl", "rldk.integrations.trl"),
    }


def test_an_arrow_goes_round_the_boxes_on_its_way():
    ways = find_ways([A, B, C], Counter({("a", "c"): 1, ("a", "b"): 1}), 200)
    start, passing, end = ways[A, C]
    assert not B.middle - B.width / 2 <= passing <= B.middle + B.width / 2
    assert ways[A, B][1] == B.middle
    assert {start, ways[A, B][0]} == {80, 120}  # side by side, where both leave
    assert end == C.middle


def test_an_import_against_the_layers_is_an_error():
    said = r"^architecture: c imports a against the layers in pyproject\.toml; remove the import, `nox -s lint` shows"
    with pytest.raises(MaintenanceError, match=said):
        find_ways([A, B, C], Counter({("c", "a"): 1}), 200)


def test_a_page_without_its_block_is_an_error(tmp_path):
    for name in ("pyproject.toml", "src"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/architecture.md").write_text("# Architecture\n")
    with pytest.raises(MaintenanceError, match=r"^architecture\.md: holds 0 blocks .*; it needs one$"):
        make(tmp_path)
