"""Several processes on one machine: start them, run a function in each, and end them.

This room knows processes and nothing of PPO. The parent imports only the standard library.
"""
