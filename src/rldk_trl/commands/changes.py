"""``python -m rldk_trl changes OLD [NEW]``: what changes for PPO code between two TRL releases."""

from __future__ import annotations

import argparse
import json
from typing import Any

from rldk_trl.errors import CommandError


def add_command(commands: Any) -> None:
    """Add the command to those of ``python -m rldk_trl``."""
    changes = commands.add_parser("changes", help="show what changes for PPO code from one TRL release to another")
    changes.add_argument("old", help="the TRL version that the code was written for")
    changes.add_argument("new", nargs="?", help="the TRL version to run it on (default: the installed one)")
    changes.add_argument("--json", action="store_true", help="print the list as JSON")
    changes.set_defaults(run=_changes)


def _changes(options: argparse.Namespace) -> None:
    from rldk.integrations.trl.advice.changes import ppo_changes

    try:
        found = ppo_changes(options.old, options.new)
    except ValueError as error:
        raise CommandError(f"changes: {error}") from None
    if options.json:
        print(json.dumps(found, indent=2))
    else:
        to = options.new or "the installed one"
        print("\n".join(found) or f"no known change for PPO code from TRL {options.old} to {to}")
