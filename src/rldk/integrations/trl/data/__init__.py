"""The prompts that a run trains on, its position in them, and the random state that shuffles them.

No model and no trainer is built here.
"""
