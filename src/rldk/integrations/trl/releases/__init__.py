"""What is installed, and how the generations of TRL's PPO differ: every probe and every version boundary.

This package does not build, change or run anything. The other packages decide how to use its facts.
"""
