"""Import the user's libraries, and explain in one line if that fails."""

from __future__ import annotations

import importlib
import types

from rldk.integrations.trl.releases.boundaries import INSTALL_HINT
from rldk.integrations.trl.releases.installed import installed_version
from rldk.integrations.trl.releases.quiet import third_party_warnings


def import_or_explain(module: str) -> types.ModuleType:
    """Import one of the user's libraries.

    Raises:
        ImportError: The library is missing or broken. The message says which, why and what to install.
    """
    distribution = module.partition(".")[0]
    try:
        with third_party_warnings():
            return importlib.import_module(module)
    # A broken TRL does not only raise ImportError: 0.7.11 with numpy 2 raises AttributeError, others RuntimeError.
    except Exception as error:
        version = installed_version(distribution)
        hint = INSTALL_HINT if distribution == "trl" else f"pip install {distribution}"
        if version is None:
            raise ImportError(f"{distribution} is not installed: {hint}", name=module) from error
        raise ImportError(
            f"{distribution} {version} is installed, but `import {module}` fails "
            f"({type(error).__name__}: {first_line(error)}): reinstall it with the dependencies it was released with",
            name=module,
        ) from error


def first_line(error: Exception) -> str:
    """Return the first line of an error's text, or its class if it has no text."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
