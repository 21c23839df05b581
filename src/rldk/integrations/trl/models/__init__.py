"""Models for PPO: classify, load, wrap and unwrap them; value heads, LoRA, gradient checkpointing.

Reward functions are in `rewards`; the trainer that is built from the models is in `training`.
"""
