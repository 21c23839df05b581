"""Makes the step API clip every gradient that it says it clips."""

from __future__ import annotations

from typing import Any

from rldk.integrations.trl.releases.installed import code_of


class _Listed:
    """An attribute that keeps an iterator as a list."""

    def __set__(self, owner: Any, value: Any) -> None:
        owner.__dict__["model_params"] = list(value)

    def __get__(self, owner: Any, _: Any = None) -> Any:
        return self if owner is None else owner.__dict__["model_params"]


def clip_every_step(trainer: type[Any]) -> None:
    """Mend ``max_grad_norm`` on TRL 0.5.0-0.11.4.

    They keep the parameters to clip as an iterator, ``model_params = filter(...)``, which is empty after the first
    optimizer step, so all later gradients pass unclipped (measured: tests/cell/test_config_effects.py).
    """
    if "self.model_params = filter(" in code_of(trainer) and "model_params" not in vars(trainer):
        trainer.model_params = _Listed()
