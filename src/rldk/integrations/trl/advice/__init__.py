"""What people read: what a release offers, what changed between two, what an error means.

Nothing here decides what the library does.
"""
