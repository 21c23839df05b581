# In a conftest that is loaded at start, as pytest demands. The plugin is here also where it is not installed.
pytest_plugins = ["pytester", "rldk_trl"]
