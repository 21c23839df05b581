"""The errors of the matrix, the runner, the reports and the command line. Each message is one line."""

from __future__ import annotations


class RldkTrlError(ValueError):
    """One line: what is wrong, where, and what to do. The command line prints it and exits with 2."""


class MatrixError(RldkTrlError):
    """``matrix.toml``, one of its cells or one of its locks cannot be used."""


class ResolutionError(MatrixError):
    """The requirements of a cell cannot be met together."""


class RunError(RldkTrlError):
    """A cell cannot be run: an option, uv, a source, git or a limit is wrong."""


class ResultError(RldkTrlError):
    """A result file, or a report made from it, cannot be read or written."""


class CommandError(RldkTrlError):
    """A command of ``python -m rldk_trl`` cannot use an argument."""
