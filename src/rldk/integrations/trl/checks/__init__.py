"""``validate_ppo_setup``: what will fail, said before TRL fails.

Each check reads the parts of a setup and changes nothing.
"""
