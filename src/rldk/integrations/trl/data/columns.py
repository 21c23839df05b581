"""Keep the dataset's own columns next to the prompts, for reward functions that ask for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from rldk.integrations.trl.data.prompts import MODEL_COLUMNS


def with_columns(collate: Callable[[list[dict[str, Any]]], Any]) -> Callable[[list[dict[str, Any]]], Any]:
    """Return a collator that pads the prompts with ``collate`` and keeps the other columns as lists."""

    def collate_rows(rows: list[dict[str, Any]]) -> Any:
        prompts = [{name: value for name, value in row.items() if name in MODEL_COLUMNS} for row in rows]
        batch = dict(collate(prompts))  # some releases of transformers' BatchEncoding drop lists in `to(device)`
        for name in rows[0]:
            if name not in MODEL_COLUMNS:
                batch[name] = [row[name] for row in rows]
        return batch

    return collate_rows


def other_columns(batch: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Return the columns of a batch besides the prompts."""
    return {name: list(values) for name, values in batch.items() if name not in MODEL_COLUMNS}


class ScoredBatch:
    """The batch that the train API is scoring. TRL passes only token ids to the reward model, chunk by chunk."""

    def __init__(self) -> None:
        self._batch: Mapping[str, Any] | None = None
        self._next = 0

    def begin(self, batch: Mapping[str, Any]) -> None:
        """Start with the first row of ``batch``."""
        self._batch, self._next = batch, 0

    def take(self, count: int) -> tuple[int, dict[str, list[Any]]]:
        """Return the padded length of the prompts, and the columns of the next ``count`` rows.

        Raises:
            RuntimeError: The trainer was not run by `run_ppo`, which names the batch.
        """
        if self._batch is None:
            raise RuntimeError(
                "the reward function asks for columns by name, which only run_ppo passes on: call run_ppo(trainer) "
                "instead of trainer.train()"
            )
        start, self._next = self._next, self._next + count
        columns = {name: values[start : self._next] for name, values in other_columns(self._batch).items()}
        return int(self._batch["input_ids"].shape[1]), columns


class BatchesNamed:
    """A dataloader that tells a `ScoredBatch` each batch before the trainer receives it."""

    def __init__(self, batches: Any, scored: ScoredBatch) -> None:
        self._batches, self._scored = batches, scored

    def __iter__(self) -> Iterator[Any]:
        for batch in self._batches:
            self._scored.begin(batch)
            yield batch

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batches, name)
