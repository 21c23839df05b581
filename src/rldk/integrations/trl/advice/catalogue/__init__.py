"""The failures that PPO users meet, one entry each, by what causes them.

Searching the entries is in `advice.failures`.
"""
