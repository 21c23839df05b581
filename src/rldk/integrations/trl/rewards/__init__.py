"""What scores responses: functions of texts, sequence classifiers and value-head wrappers.

Loading a reward model is in `models`.
"""
