"""The trainer and its updates: building it, running it through either API, callbacks and metrics.

Models are prepared in `models`, prompts in `data`.
"""
