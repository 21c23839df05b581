"""The prompts that a run trains on, its position in them, and the random state that shuffles them.

This package does not build models or trainers.
"""
