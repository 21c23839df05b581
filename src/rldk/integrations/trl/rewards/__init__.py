"""Score responses with functions of texts, sequence classifiers and value-head wrappers.

`models` loads reward models.
"""
