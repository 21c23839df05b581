"""Adding new TRL releases to the matrix: rows, locks, and what their cells showed."""
