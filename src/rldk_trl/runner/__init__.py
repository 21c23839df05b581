"""Running one cell: choose, install, run, judge, store, and say how far the run is.

What the results look like to a reader is in `report`.
"""
