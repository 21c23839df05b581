"""What `port_program` reports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["import", "option", "argument", "call", "attribute", "model"]
Problem = Literal["fails", "ignored", "deprecated", "changed"]


@dataclass(frozen=True)
class Finding:
    """One use of TRL in a program that is different on the target release."""

    line: int
    """The line of the program, from 1."""
    kind: Kind
    name: str
    """The option, argument, attribute or imported name."""
    problem: Problem
    """``fails``: it raises. ``ignored``: it is accepted and changes nothing. ``deprecated``: it works and warns.
    ``changed``: it works and means something else."""
    says: str
    """What is different, as one sentence."""
    releases: str = ""
    """The releases on which it works as written, such as ``0.2.0-0.11.4``. Empty if that depends on other things."""
    write: str | None = None
    """The code to write instead with the target release's own names. None if nothing replaces it."""
    note: str | None = None
    """What to know about the replacement, or what to do if there is none."""
    rldk: str | None = None
    """The code to write instead with this library, for every release."""
