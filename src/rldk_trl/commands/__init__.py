"""The commands of ``python -m rldk_trl``: their arguments and what they print.

What they show is computed in the library, `matrix`, `runner` and `report`.
"""
