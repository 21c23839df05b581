"""In a cell of the matrix: can TRL's PPO be imported at all? If not, no test says anything, and the run ends."""

from __future__ import annotations

import os

from rldk.integrations.trl.releases.installed import installed_ppo
from rldk_trl.cell_protocol import CHECK_VARIABLE, IMPORT_PREFIX


def asked_for() -> bool:
    """Whether this pytest is to check; the programs that it starts, workers too, are not asked again."""
    return os.environ.pop(CHECK_VARIABLE, "") != ""


def import_failure() -> str | None:
    """Why the installed TRL's PPO cannot be imported, on one line; None where it can or there is none to import."""
    if installed_ppo().api is None:
        return None
    from rldk.integrations.trl.releases.generations import installed_generation

    try:
        installed_generation()
    except ImportError as error:
        root: BaseException = error
        while root.__cause__ is not None:  # ours and transformers' wrap what was raised first
            root = root.__cause__
        return IMPORT_PREFIX + " ".join(f"{type(root).__name__}: {root}".split())
    return None
