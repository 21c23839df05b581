"""Read the matrix: rows, lanes, worlds, expectations, cells and locks.

Nothing here runs a cell or writes a file.
"""
