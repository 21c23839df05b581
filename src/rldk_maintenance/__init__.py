"""What only this repository's maintainers run: ``python -m rldk_maintenance``. It is not in the wheel.

Reads TRL's wheels, adds releases, writes locks and the generated pages. Nothing imports it.
"""
