"""``validate_ppo_setup``: report what will fail before TRL fails.

Each check reads the parts of a setup and does not change them.
"""
