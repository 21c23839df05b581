"""Runs the command line: ``python -m rldk_maintenance``."""

from rldk_maintenance.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
