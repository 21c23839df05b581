"""Lets the processes of a run stop, save and fail together. With one process, nothing here has an effect."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from rldk.integrations.trl.releases.importing import import_or_explain
from rldk.integrations.trl.rewards.functions import RewardFunctionError

# The number of the next meeting. It names keys in a store that all trainers of a process share.
_numbers = itertools.count(1)


class Ranks:
    """The processes of one run. They meet at the same points of each update and tell each other what happened.

    They meet in the store of ``torch.distributed`` and not in a collective operation: a process that fails leaves
    its error there and ends at once, wherever the others are. They find the error at the next meeting, instead of
    waiting for that process until the timeout of their backend (30 minutes for gloo).
    """

    def __init__(self, accelerator: Any) -> None:
        self._rank, self._size = accelerator.process_index, accelerator.num_processes
        self._store: Any = None
        distributed = import_or_explain("torch").distributed
        if self._size > 1 and distributed.is_available() and distributed.is_initialized():
            self._store = distributed.distributed_c10d._get_default_store()
        self._met = 0
        self._told = False

    @property
    def several(self) -> bool:
        """Whether there are other processes to meet."""
        return self._store is not None

    def meet(self, wishes: Iterable[str] = ()) -> frozenset[str]:
        """Wait for all processes to come here, and return what any of them wishes.

        Raises:
            RewardFunctionError: A reward function raised an exception in another process.
            RuntimeError: Another process failed in another way, or has ended.
        """
        if not self.several:
            return frozenset(wishes)
        number = next(_numbers)
        try:
            self._leave(number, {"wishes": list(wishes)})
            if self._rank == 0:
                found = [json.loads(self._store.get(self._key(number, rank))) for rank in range(self._size)]
                self._store.set(self._key(number, "all"), json.dumps(found))
            told = json.loads(self._store.get(self._key(number, "all")))
        except RuntimeError as error:  # the process that keeps the store is gone, or one never came
            self._told = True
            raise RuntimeError(
                f"run_ppo: rank {self._rank} of {self._size} waited for the others, but one of them has ended or "
                f"hangs: look for the first error in their output"
            ) from error
        if self._met:  # all have read it, else they would not be here
            self._store.delete_key(self._key(self._met, self._rank))
        self._met = number
        for rank, left in enumerate(told):
            if "error" in left:
                self._told = True
                raise self._of_rank(left.get("rank", rank), left)
        return frozenset(wish for left in told for wish in left["wishes"])

    @contextmanager
    def failing_together(self) -> Iterator[None]:
        """Within the context, an error of this process ends the others at their next meeting. They meet at its end."""
        try:
            yield
            self.meet()
        except BaseException as error:
            if self.several and not self._told:
                self._tell(error)
            raise

    def _tell(self, error: BaseException) -> None:
        lines = str(error).strip().splitlines()
        left = {"rank": self._rank, "error": f"{type(error).__name__}{f': {lines[0]}' if lines else ''}"}
        if isinstance(error, RewardFunctionError):
            left |= {"message": str(error), "text": error.text, "texts": error.texts}
        number = next(_numbers)
        try:
            self._leave(number, left)
            if self._rank == 0:
                self._store.set(self._key(number, "all"), json.dumps([left]))
        except RuntimeError:  # the store is gone, and the others with it
            return

    def _of_rank(self, rank: int, left: dict[str, Any]) -> Exception:
        where = f"rank {rank} of {self._size}"
        if "message" in left:
            return RewardFunctionError(f"{where}: {left['message']}", left["text"], left["texts"])
        return RuntimeError(f"run_ppo: {where} failed, so all processes stop: {left['error']}")

    def _leave(self, number: int, left: dict[str, Any]) -> None:
        self._store.set(self._key(number, self._rank), json.dumps(left))

    def _key(self, number: int, rank: int | str) -> str:
        return f"rldk/{number}/{rank}"
