"""The options of a PPO run: one vocabulary for every release, written to and read back from TRL's own configs.

What a run does with its options is in `training`.
"""
