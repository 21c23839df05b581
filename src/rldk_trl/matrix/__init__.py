"""The compatibility matrix: its rows, their locks, and what running a cell of it has shown."""
