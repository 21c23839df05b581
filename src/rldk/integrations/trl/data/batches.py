"""An endless stream of a trainer's batches, with a position that can be saved and restored."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

from rldk.integrations.trl.data.random_state import RandomState
from rldk.integrations.trl.releases.importing import import_or_explain
from rldk.integrations.trl.releases.quiet import callers_warnings, is_users

# Besides the global generators, these counters of torch and accelerate determine the order of an epoch.
_COUNTERS = ("iteration", "epoch", "initial_seed")


class BatchStream(Iterator[Any]):
    """Repeats the epochs of a ``DataLoader`` forever.

    Its position is the random state at the start of the epoch, which reproduces the same shuffle, and the number of
    batches taken since. ``DataLoader`` itself has no position to save.
    """

    def __init__(self, dataloader: Any) -> None:
        self._dataloader = dataloader
        self._epoch: Iterator[Any] | None = None
        self._start: dict[str, Any] = {}
        self._taken = 0

    @classmethod
    def of(cls, trainer: Any) -> BatchStream:
        """Return the trainer's stream. It is stored on the trainer, so a second `run_ppo` continues the first."""
        if not hasattr(trainer, "_rldk_batches"):
            change_collators(trainer, _with_callers_warnings)
            trainer._rldk_batches = cls(trainer.dataloader)
        stream: BatchStream = trainer._rldk_batches
        return stream

    def __next__(self) -> Any:
        for _ in range(2):
            if self._epoch is None:
                self._start = self._shuffling()
                self._epoch, self._taken = iter(self._dataloader), 0
            for batch in self._epoch:
                self._taken += 1
                _go_on(self._dataloader)
                return batch
            if self._taken == 0:
                break
            self._epoch = None
        raise ValueError(
            "run_ppo: the dataset has fewer prompts than one batch of all processes: use a larger train_dataset or a "
            "smaller batch"
        )

    def state_dict(self) -> dict[str, Any]:
        """Return the position as plain values."""
        return {"start": self._start, "taken": self._taken if self._epoch is not None else None}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go to a position returned by `state_dict`. The global random state does not change.

        Raises:
            ValueError: The dataset is too small for this position.
        """
        before, self._epoch = RandomState.capture(), None
        if state["taken"] is None:
            return
        self._set_shuffling(state["start"])
        epoch = iter(self._dataloader)
        taken = sum(1 for _ in itertools.islice(epoch, state["taken"]))
        before.restore()
        if taken < state["taken"]:
            raise ValueError(
                f"the saved run is {state['taken']} batches into its dataset, but this dataset has only {taken}: "
                f"create the trainer with the same train_dataset and batch size"
            )
        self._start, self._epoch, self._taken = state["start"], epoch, taken

    def _shuffling(self) -> dict[str, Any]:
        parts = [
            {
                "generator": part.generator.get_state() if _generator(part) is not None else None,
                "counters": {name: value for name in _COUNTERS if isinstance(value := vars(part).get(name), int)},
            }
            for part in _parts(self._dataloader)
        ]
        return {"random": vars(RandomState.capture()), "parts": parts}

    def _set_shuffling(self, start: dict[str, Any]) -> None:
        for part, saved in zip(_parts(self._dataloader), start["parts"], strict=False):
            if saved["generator"] is not None:
                if _generator(part) is None:
                    part.generator = import_or_explain("torch").Generator()
                part.generator.set_state(saved["generator"])
            vars(part).update(saved["counters"])
        RandomState(**start["random"]).restore()


def change_collators(trainer: Any, changed: Callable[[Any], Any]) -> None:
    """Replace the collator of each of the trainer's data loaders by what ``changed`` returns for it."""
    for loader in (trainer.dataloader, vars(trainer).get("eval_dataloader")):
        for part in _parts(loader) if loader is not None else ():
            if "collate_fn" in vars(part):
                vars(part)["collate_fn"] = changed(vars(part)["collate_fn"])


def seed_shuffling(dataloader: Any, seed: int) -> None:
    """Shuffle by ``seed``, and alike, on several processes.

    accelerate until 1.5.2 does not seed the generator of the order. Some releases (0.27) have none: then each process
    shuffles by its own random state, and two may get the same prompts.
    """
    torch = import_or_explain("torch")
    default = torch.Generator().initial_seed()
    for part in _parts(dataloader) if dataloader is not None else ():
        if isinstance(part, torch.utils.data.RandomSampler) and _generator(part) is None:
            part.generator = torch.Generator()
        if _generator(part) is not None and part.generator.initial_seed() == default:
            part.generator.manual_seed(seed)


def _go_on(dataloader: Any) -> None:
    """Let accelerate not see that an epoch ends, as the next one follows.

    On the last batch it would end the accumulation of gradients at each micro-batch, and leave out processes from the
    means of TRL's metrics.
    """
    if getattr(dataloader, "end_of_dataloader", False):
        dataloader.end_of_dataloader = False


def _parts(dataloader: Any) -> list[Any]:
    """Return the loader and the samplers inside it, always in the same order."""
    found: list[Any] = [dataloader]
    for part in found:
        for name in ("base_dataloader", "batch_sampler", "sampler"):  # accelerate wraps the loader from 0.34 on
            inner = getattr(part, name, None)
            if hasattr(inner, "__dict__") and all(inner is not known for known in found):
                found.append(inner)
    return found


def _with_callers_warnings(collate: Any) -> Any:
    """Let the user's data collator run under the user's warning filters."""
    return callers_warnings()(collate) if collate is not None and is_users(collate) else collate


def _generator(part: Any) -> Any:
    generator = vars(part).get("generator")
    return generator if hasattr(generator, "get_state") else None
