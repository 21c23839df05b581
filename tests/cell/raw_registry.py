"""A program for each failure of the catalogue: registered by `setup` and `code`, kept in `PROGRAMS`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

from raw_program import RawTRL, traceback_of

TRAIN = ">=0.9.2,<1.13"
STEP = ">=0.2,<0.12"
PPO = ">=0.2,<1.13"
# What hides every other failure of its release, so that its users worked around it first.
WORKED_AROUND = {"collections-mapping", "optimizer-classes-not-set"}


@dataclass(frozen=True)
class RawProgram:
    """What is written to meet one failure, and the releases on which it can be written."""

    failure: str
    where: str
    run: Callable[[RawTRL], Any]
    changes: Callable[[RawTRL], dict[str, Any]] | None = None
    """For a setup: its parts that are not those of a setup that trains."""
    api: str = "train"
    """For a setup that both APIs of TRL 0.9.2-0.11.4 could take: the one that it is made for."""

    @property
    def advised(self) -> bool:
        """Whether it can also be run ``as_advised``, as the catalogue says to write it."""
        return "as_advised" in inspect.signature(self.run).parameters

    def traceback(self, raw: RawTRL, **how: bool) -> str:
        """What it ends with on TRL alone; empty where it runs through."""
        with nullcontext() if self.failure in WORKED_AROUND else raw.workarounds():
            return traceback_of(partial(self.run, **how), raw)

    def is_trained(self, raw: RawTRL) -> bool:
        """Whether it is the train API's here."""
        return raw.has_train if self.api == "train" else not raw.is_step

    def parts(self, raw: RawTRL) -> dict[str, Any]:
        """The whole setup as ``validate_ppo_setup`` takes it."""
        assert self.changes is not None
        if self.is_trained(raw):
            return raw.train_parts(**self.changes(raw))
        return {"reward_model": len, "value_model": None, **raw.step_parts(**self.changes(raw))}


PROGRAMS: dict[str, RawProgram] = {}


def code(failure: str, where: str) -> Callable[[Any], Any]:
    """What the decorated function does is the program."""

    def register(run: Callable[[RawTRL], Any]) -> Callable[[RawTRL], Any]:
        assert failure not in PROGRAMS
        PROGRAMS[failure] = RawProgram(failure, where, run)
        return run

    return register


def setup(failure: str, where: str, api: str = "train") -> Callable[[Any], Any]:
    """The program is one update of a setup with the parts that the decorated function returns."""

    def register(changes: Callable[[RawTRL], dict[str, Any]]) -> Callable[[RawTRL], dict[str, Any]]:
        assert failure not in PROGRAMS

        def run(raw: RawTRL) -> Any:
            return (raw.train if program.is_trained(raw) else raw.step)(**changes(raw))

        program = PROGRAMS[failure] = RawProgram(failure, where, run, changes, api)
        return changes

    return register
