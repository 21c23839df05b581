"""Saving a run whole or not at all, and resuming it.

TRL's own ``save_model`` and ``_save_checkpoint`` are fixed in `training`.
"""
