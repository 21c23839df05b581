"""The state of every random generator that training draws from."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from rldk.integrations.trl.releases.importing import import_or_explain


@dataclass(frozen=True)
class RandomState:
    """The state of ``random``, numpy and torch on all devices, as values that ``torch.load`` reads without pickle."""

    python: Any
    numpy: Any
    torch: Any
    cuda: Any

    @classmethod
    def capture(cls) -> RandomState:
        """Read the current state."""
        np, torch = import_or_explain("numpy"), import_or_explain("torch")
        kind, keys, *rest = np.random.get_state()
        cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else None
        return cls(random.getstate(), (kind, keys.tolist(), *rest), torch.get_rng_state(), cuda)

    def restore(self) -> None:
        """Restore the state of `capture`. The CUDA state is restored only if the number of devices is the same."""
        np, torch = import_or_explain("numpy"), import_or_explain("torch")
        version, numbers, gauss = self.python
        random.setstate((version, tuple(numbers), gauss))
        kind, keys, *rest = self.numpy
        np.random.set_state((kind, np.array(keys, dtype=np.uint32), *rest))
        torch.set_rng_state(self.torch)
        if self.cuda is not None and torch.cuda.is_available() and len(self.cuda) == torch.cuda.device_count():
            torch.cuda.set_rng_state_all(self.cuda)
