"""Find which process failed first in the output of a run on several processes, and with which error."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from rldk.integrations.trl.advice.catalogue.matching import RANK, without_colours

# What a process ends with because another one failed, as gloo, NCCL, elastic and this library say it.
_CONSEQUENCE = re.compile(
    r"Connection (?:closed|reset) by peer|Broken pipe|Timed out waiting|wait timeout after|recvValue failed"
    r"|Socket Timeout|Watchdog caught|remote process exited|ChildFailedError|SignalException|OtherProcessError"
    r"|so all (?:processes )?stop|look for the first error in their output|RewardFunctionError: rank \d+ of \d+:"
)
_ERROR = re.compile(r"(?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:: .*|:?$)")
_CHAINED = ("During handling of the above exception", "The above exception was the direct cause")
_ROOT = re.compile(
    r"Root Cause \(first observed failure\):[\s\S]*?rank\s*: (?P<rank>\d+)[\s\S]*?exitcode\s*: .*?"
    r"(?:\((?P<signal>SIG\w+)\))?$",
    re.MULTILINE,
)


class FirstError(NamedTuple):
    """The error of the process that failed first."""

    rank: int | None
    """None if the output does not say it."""
    line: str
    """The last line of the error, such as ``KeyError: 'score'``, or what killed the process."""
    text: str
    """All that this process wrote, without prefixes."""

    @property
    def follows_another(self) -> bool:
        """Whether this is only what a process ends with because another one hangs or failed without a word."""
        return _CONSEQUENCE.search(self.line) is not None

    @property
    def sentence(self) -> str:
        """What happened, for a message."""
        who = "one process" if self.rank is None else f"rank {self.rank}"
        if self.follows_another:
            return f"{who} waited for another one, which hangs or ended without an error: {self.line}"
        return f"{who} failed first, with {self.line}"


def first_error(text: str) -> FirstError | None:
    """Return the error of the process that failed first; None if the text is not the output of several processes.

    Args:
        text: The output of ``torchrun`` or ``accelerate launch``. Lines of the processes may alternate.
    """
    lines = [_split(line) for line in without_colours(text).splitlines()]
    root = _ROOT.search("\n".join(content for _, content in lines))
    ranks = {rank for rank, _ in lines}
    if root is None and ranks <= {None}:
        return None
    errors = sorted(error for rank in ranks for error in _errors(lines, rank))
    real = [error for error in errors if not _CONSEQUENCE.search(error[1])]
    if not real and root is not None and root["signal"] not in (None, "SIGTERM"):
        return FirstError(int(root["rank"]), root["signal"], "")
    for _, line, rank in real or errors:
        # Where the lines do not name the rank, the launcher's table does.
        known = int(root["rank"]) if rank is None and root is not None and len(real) == 1 else rank
        return FirstError(known, line, "\n".join(content for its, content in lines if its == rank))
    return None


def _split(line: str) -> tuple[int | None, str]:
    rank = None
    while found := RANK.match(line):
        rank, line = int(found["rank"] or found["of_ours"] or found["bare"]), line[found.end() :]
    return rank, line


def _errors(lines: list[tuple[int | None, str]], rank: int | None) -> Iterator[tuple[int, str, int | None]]:
    """Yield where each error of a rank ends, its last line and the rank, without errors that led to another."""
    own = [(number, content) for number, (its, content) in enumerate(lines) if its == rank]
    inside, last = False, None
    for number, content in own:
        if content.startswith("Traceback (most recent call last)"):
            inside = True
        elif inside and _ERROR.match(content):
            inside, last = False, (number, content.strip(), rank)
        elif last is not None and content.startswith(_CHAINED):
            last = None
        elif last is not None and content.strip():
            yield last
            last = None
    if last is not None:
        yield last
