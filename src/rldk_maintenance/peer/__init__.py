"""Runs TRL's own PPO tests: with TRL alone, after `validate_ppo_setup`, and through `create_ppo_trainer`."""
