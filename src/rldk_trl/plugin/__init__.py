"""The pytest plugin: hooks, marks, fixtures, options, skips, advice, and the tiny model.

It uses the library and knows nothing of the matrix, the runner or nox.
"""
