"""The commands for maintainers of this repository: ``python -m rldk_maintenance``. They are not in the wheel.

They read TRL's wheels, add releases, and write locks and the generated pages. Nothing imports this package.
"""
