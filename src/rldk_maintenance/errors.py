"""The errors of maintenance. Each message is one line."""

from __future__ import annotations

from rldk_trl.errors import RldkTrlError


class MaintenanceError(RldkTrlError):
    """A maintenance command cannot do its work: what is wrong, where, and what to do."""


class ContractError(MaintenanceError):
    """One line: what of a wheel or of the index could not be read, why, and what to do."""


class NotRunError(ContractError):
    """The wheel was not looked at, e.g. because there is none or the network may not be used."""
