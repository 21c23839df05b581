"""The picture and the list of rooms on docs/architecture.md, made from the code's own imports and docstrings."""
