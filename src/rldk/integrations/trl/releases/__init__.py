"""What is installed, and how the generations of TRL's PPO differ: every probe and every version boundary.

Nothing here builds, changes or runs anything. What a fact is used for is decided in the other rooms.
"""
