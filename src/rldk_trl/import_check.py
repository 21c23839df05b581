"""In a cell of the matrix: can TRL's PPO be imported at all? If not, no test says anything, and the run ends."""

from __future__ import annotations

import os
import re

from rldk.integrations.trl.source import installed_ppo

CHECK_VARIABLE = "RLDK_TRL_IMPORT_CHECK"
"""Set by what runs a cell, to ask its pytest for the check."""
IMPORT_FAILED = 42
"""Pytest's exit code where it cannot; pytest itself uses 0 to 5."""
_PREFIX = "rldk-trl: PPO cannot be imported: "


def asked_for() -> bool:
    """Whether this pytest is to check; the programs that it starts, workers too, are not asked again."""
    return os.environ.pop(CHECK_VARIABLE, "") != ""


def import_failure() -> str | None:
    """Why the installed TRL's PPO cannot be imported, on one line; None where it can or there is none to import."""
    if installed_ppo().api is None:
        return None
    from rldk.integrations.trl.generations import installed_generation

    try:
        installed_generation()
    except ImportError as error:
        root: BaseException = error
        while root.__cause__ is not None:  # ours and transformers' wrap what was raised first
            root = root.__cause__
        return _PREFIX + " ".join(f"{type(root).__name__}: {root}".split())
    return None


def read_import_failure(output: str) -> str | None:
    """``Class: message`` from the output of a pytest that ended with `IMPORT_FAILED`; None where it is not there."""
    found = re.search(rf"^Exit: {re.escape(_PREFIX)}(.+)$", output, re.MULTILINE)
    return None if found is None else found[1].strip()
