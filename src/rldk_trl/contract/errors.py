"""The errors of the contract."""

from __future__ import annotations

from rldk_trl.matrix.schema import MatrixError


class ContractError(MatrixError):
    """One line: what of the contract could not be read, why, and what to do."""


class NotRunError(ContractError):
    """The wheel was not looked at, e.g. because there is none or the network may not be used."""
