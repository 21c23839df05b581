"""Save a PPO run, completely or not at all, and resume it.

`training` fixes TRL's ``save_model`` and ``_save_checkpoint``.
"""
