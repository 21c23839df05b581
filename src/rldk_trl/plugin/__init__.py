"""The pytest plugin: hooks, marks, fixtures, options, skips, advice, and the tiny model.

The plugin uses the library. It does not use the matrix, the runner or nox.
"""
