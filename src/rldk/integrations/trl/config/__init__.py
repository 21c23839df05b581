"""The options of a PPO run: one vocabulary for every release, converted to and from TRL's own configs.

`training` uses the options.
"""
