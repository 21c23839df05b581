"""Run one cell: choose, install, run, judge, store the result and report progress.

`report` presents the results.
"""
