"""The trainer and its updates: create it, run it through either API, call callbacks, compute metrics.

`models` prepares the models and `data` the prompts.
"""
