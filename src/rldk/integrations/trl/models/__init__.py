"""Models for PPO: classify, load, wrap and unwrap them; value heads, LoRA, gradient checkpointing.

Reward functions are in `rewards`. `training` builds a trainer from the models.
"""
