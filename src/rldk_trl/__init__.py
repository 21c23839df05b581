"""Pytest plugin, pinned TRL releases, nox helper and command line of rldk-trl.

``-p rldk_trl`` and the entry point load this module as the plugin. It only names the plugin's modules, and pytest
imports those. So ``rldk_trl.nox`` and the command line work without pytest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rldk_trl.ownership import require_own_library

if TYPE_CHECKING:
    from rldk_trl.plugin.release import TRLRelease
    from rldk_trl.plugin.setup import PPOSetup

__all__ = ["PPOSetup", "TRLRelease"]

require_own_library()

pytest_plugins = ("rldk_trl.plugin.hooks", "rldk_trl.plugin.fixtures", "rldk_trl.plugin.processes")


def __getattr__(name: str) -> object:
    if name == "TRLRelease":
        from rldk_trl.plugin.release import TRLRelease

        return TRLRelease
    if name == "PPOSetup":
        from rldk_trl.plugin.setup import PPOSetup

        return PPOSetup
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
