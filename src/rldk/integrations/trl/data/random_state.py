"""The state of every random generator that training draws from."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from rldk.integrations.trl.releases.importing import import_or_explain


@dataclass(frozen=True)
class RandomState:
    """``random``, numpy and torch, on all devices, as plain values that ``torch.load`` reads without pickle."""

    python: Any
    numpy: Any
    torch: Any
    cuda: Any

    @classmethod
    def capture(cls) -> RandomState:
        """Read the state as it is now."""
        np, torch = import_or_explain("numpy"), import_or_explain("torch")
        kind, keys, *rest = np.random.get_state()
        cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else None
        return cls(random.getstate(), (kind, keys.tolist(), *rest), torch.get_rng_state(), cuda)

    def restore(self) -> None:
        """Set the state back to what it was at `capture`; other devices than were there keep their own."""
        np, torch = import_or_explain("numpy"), import_or_explain("torch")
        version, numbers, gauss = self.python
        random.setstate((version, tuple(numbers), gauss))
        kind, keys, *rest = self.numpy
        np.random.set_state((kind, np.array(keys, dtype=np.uint32), *rest))
        torch.set_rng_state(self.torch)
        if self.cuda is not None and torch.cuda.is_available() and len(self.cuda) == torch.cuda.device_count():
            torch.cuda.set_rng_state_all(self.cuda)
