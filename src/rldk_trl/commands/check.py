"""``python -m rldk_trl check``: show the PPO of the installed TRL or of any release."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from typing import Any


def add_command(commands: Any) -> None:
    """Add the command to those of ``python -m rldk_trl``."""
    check = commands.add_parser("check", help="show the PPO of the installed TRL or of any release")
    check.add_argument("version", nargs="?", help="a TRL version (default: the installed one)")
    check.add_argument("--json", action="store_true", help="print the answer as JSON")
    check.set_defaults(run=_check)


def _check(options: argparse.Namespace) -> None:
    from rldk.integrations.trl import check_trl_compatibility

    answer = check_trl_compatibility(options.version)
    print(json.dumps(answer, indent=2) if options.json else "\n".join(_check_lines(answer)))


def _check_lines(answer: Mapping[str, Any]) -> list[str]:
    ppo = f"{answer['ppo_api']} API, from {answer['ppo_module']}" if answer["ppo_available"] else "none"
    lines = [
        f"TRL:    {answer['version'] or 'not known'}{'' if answer['trl_available'] else ' (not installed)'}",
        f"PPO:    {ppo}",
        f"tested: {'yes, it passed in the matrix' if answer['tested'] else 'no'}",
    ]
    lines += [f"warning: {text}" for text in answer["warnings"]]
    return lines + [f"recommendation: {text}" for text in answer["recommendations"]]
