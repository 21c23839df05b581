"""The failures that PPO users meet, one entry each, grouped by cause.

`advice.failures` searches the entries.
"""
