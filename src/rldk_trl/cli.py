"""The command line ``python -m rldk_trl``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import Any

from rldk_trl.commands import changes, check, explain, port, releases, results
from rldk_trl.errors import RldkTrlError


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status: 0, the command's own, or 2 after one line on standard error."""
    additions = [module.add_command for module in (check, explain, changes, port)]
    return run_command(
        "rldk_trl", "PPO across TRL releases.", [*additions, releases.add_commands, results.add_commands], argv
    )


def run_command(
    module: str, description: str, additions: Sequence[Callable[[Any], None]], argv: Sequence[str] | None
) -> int:
    """Parse ``argv`` with the commands that ``additions`` add, and run the chosen one.

    Args:
        module: the module that ``python -m`` runs; error messages begin with its name.
        description: for ``--help``.
        additions: each adds its commands to the parser's subparsers.
        argv: the arguments; None: the arguments of the process.

    Returns:
        The exit status: 0, the command's own, or 2 after one line on standard error.
    """
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description=description)
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for add in additions:
        add(commands)
    options = parser.parse_args(argv)
    try:
        return int(options.run(options) or 0)
    except RldkTrlError as error:
        print(f"{module}: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        sys.stderr.close()  # the reader, e.g. `head`, has closed the pipe
        return 0
