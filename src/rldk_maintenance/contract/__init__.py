"""What each TRL release's PPO looks like, read from its wheel by AST; nothing is installed or imported.

``python -m rldk_maintenance contract`` writes ``releases.json``, the one file that the tables in
docs/generations.md and the library's ``option_releases.json`` are made from.
"""
