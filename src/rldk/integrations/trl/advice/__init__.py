"""Advice for users: what a release supports, what changed between two releases, what an error means.

Nothing here decides what the library does.
"""
