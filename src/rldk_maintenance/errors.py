"""The errors of maintenance. Each message is one line."""

from __future__ import annotations

from rldk_trl.errors import RldkTrlError


class MaintenanceError(RldkTrlError):
    """A maintenance command cannot do its work: what is wrong, where, and what to do."""


class ContractError(MaintenanceError):
    """A wheel or the index could not be read. One line: what, why, and what to do."""


class NotRunError(ContractError):
    """The wheel was not read, e.g. because there is none or the network may not be used."""
