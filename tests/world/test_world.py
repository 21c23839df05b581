"""The cell of a world: what it is told, and what is installed."""

from __future__ import annotations

import os

from rldk.integrations.trl import check_trl_compatibility
from rldk_trl.matrix.cells import find_cell
from rldk_trl.matrix.loader import load_matrix


def test_the_cell_is_in_the_world_that_it_is_told():
    cell = find_cell(load_matrix(), os.environ["RLDK_TRL_CELL"])
    assert os.environ["RLDK_TRL_WORLD"] == cell.world.name
    assert check_trl_compatibility()["ppo_api"] == cell.release.api
