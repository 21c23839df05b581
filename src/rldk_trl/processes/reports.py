"""What a rank reports to its parent, and the errors that the parent makes of it."""

from __future__ import annotations

import pickle
import traceback
from dataclasses import dataclass


class RankError(RuntimeError):
    """A rank failed, and its own exception cannot be raised here: it died, or the exception cannot be pickled."""


class RanksHungError(TimeoutError):
    """The ranks did not finish in time and were killed. The message says where each one was."""


@dataclass(frozen=True)
class Returned:
    """A rank's function returned. ``value`` is pickled."""

    value: bytes


@dataclass(frozen=True)
class Raised:
    """A rank's function raised an exception, at ``at`` seconds of the machine's clock."""

    at: float
    line: str
    trace: str
    pickled: bytes | None

    @classmethod
    def now(cls, error: BaseException, at: float) -> Raised:
        """Describe ``error``, which is being handled."""
        lines = traceback.format_exception_only(type(error), error)
        try:
            pickled = pickle.dumps(error)
            pickle.loads(pickled)  # an exception with an own constructor may only pickle
        except Exception:
            pickled = None
        return cls(at, lines[-1].strip(), "".join(traceback.format_exception(error)), pickled)

    def as_exception(self, rank: int, size: int) -> BaseException:
        """Return the rank's exception, with the traceback in its rank as the cause."""
        where = f"rank {rank} of {size}"
        try:
            error = pickle.loads(self.pickled) if self.pickled else None
        except Exception:  # its module cannot be imported here
            error = None
        if isinstance(error, BaseException):
            error.add_note(f"raised in {where}")
        else:
            error = RankError(f"{where}: {self.line}")
        error.__cause__ = RankError(f"{where}:\n{self.trace}")
        return error
