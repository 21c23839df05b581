"""What the runner of a cell and the plugin inside it have agreed on."""

from __future__ import annotations

import re

CHECK_VARIABLE = "RLDK_TRL_IMPORT_CHECK"
"""Environment variable: set by what runs a cell, to ask its pytest for the check of TRL's import."""
IMPORT_FAILED = 42
"""Pytest's exit code where TRL's PPO cannot be imported; pytest itself uses 0 to 5."""
IMPORT_PREFIX = "rldk-trl: PPO cannot be imported: "
"""The plugin ends the run with this text and ``Class: message``."""
EXCEPTIONS_VARIABLE = "RLDK_TRL_EXCEPTIONS"
"""Environment variable: set by what reads pytest's JUnit XML, to ask the plugin for exceptions' classes in it."""
EXCEPTION = "rldk_trl:exception"
"""The property of a failed test that names its exception's class. An error at collection has no properties: there
the last line of the text is this name, ``: `` and ``Class: message``."""

WORLD_VARIABLE = "RLDK_TRL_WORLD"
"""Environment variable: set by what runs a cell to the name of its world; not set in the world single."""


def read_import_failure(output: str) -> str | None:
    """``Class: message`` from the output of a pytest that ended with `IMPORT_FAILED`; None where it is not there."""
    found = re.search(rf"^Exit: {re.escape(IMPORT_PREFIX)}(.+)$", output, re.MULTILINE)
    return None if found is None else found[1].strip()
