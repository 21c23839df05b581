"""An adaptive KL coefficient for the train API, where TRL has a fixed one. The step API has TRL's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rldk.integrations.trl.training.replaced import replaced

# Defaults of the step API (TRL 0.2.0-0.11.4).
_TARGET, _HORIZON = 6.0, 10000.0


class AdaptiveKL:
    """The proportional controller of Ziegler et al. 2019 (arXiv:1909.08593, section 2.2), as in TRL's step API.

    Attributes:
        value: The coefficient of the next update.
        target: The wanted KL per response, in nats.
        horizon: Number of episodes. The larger it is, the slower the coefficient moves.
    """

    def __init__(self, value: float, target: float, horizon: float) -> None:
        self.value, self.target, self.horizon = value, target, horizon

    def update(self, kl: float, episodes: int) -> None:
        """Move the coefficient after an update of ``episodes`` responses with a mean KL of ``kl`` nats."""
        error = min(max(kl / self.target - 1, -0.2), 0.2)
        self.value *= 1 + error * episodes / self.horizon


def add_adaptive_kl(trainer: Any) -> None:
    """Give a trainer of the train API its ``kl_ctl`` if its config asks for one. A second call changes nothing."""
    args = trainer.args
    if getattr(args, "adap_kl_ctrl", False) and not hasattr(trainer, "kl_ctl"):
        target, horizon = getattr(args, "target", _TARGET), getattr(args, "horizon", _HORIZON)
        trainer.kl_ctl = AdaptiveKL(args.kl_coef, target, horizon)


@contextmanager
def coefficient_moves(trainer: Any) -> Iterator[None]:
    """Within the context, ``kl_coef`` of a train API config is the trainer's adaptive coefficient."""
    moving = {"kl_coef": trainer.kl_ctl.value} if hasattr(trainer, "kl_ctl") else {}
    with replaced(trainer.args, **moving):
        yield


def move_coefficient(trainer: Any, logs: dict[str, Any], kl: float) -> None:
    """After an update, log the coefficient that it used, and set that of the next one."""
    if hasattr(trainer, "kl_ctl"):
        logs["objective/kl_coef"] = trainer.kl_ctl.value  # the step API's name
        trainer.kl_ctl.update(kl, trainer.args.batch_size)
        trainer.args.kl_coef = trainer.kl_ctl.value
