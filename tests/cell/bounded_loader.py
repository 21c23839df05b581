"""A dataloader that cannot keep a test waiting for ever."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


class BoundedLoader:
    """A dataloader that ends the program, as Ctrl-C would, once it was asked a hundred times in vain."""

    def __init__(self, loader: Any) -> None:
        self.loader, self.rounds = loader, 0

    def __iter__(self) -> Iterator[Any]:
        for batch in self.loader:
            self.rounds = 0
            yield batch
        self.rounds += 1
        if self.rounds == 100:
            raise KeyboardInterrupt
