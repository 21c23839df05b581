"""The commands of ``python -m rldk_trl``: their arguments and what they print.

The library, `matrix`, `runner` and `report` compute what they show.
"""
