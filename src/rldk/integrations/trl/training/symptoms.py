"""Warn once when the metrics of a run show trouble. docs/training.md explains the limits and where they come from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from statistics import fmean, stdev
from typing import Any

from rldk.integrations.trl.releases.main_process import warn

# TRL's step API warns below this too, but after a single update.
_NEGATIVE_KL = -1.0
_NEGATIVE_UPDATES = 2

# Where half of the tokens are clipped, half of the batch has no policy gradient.
_CLIP_FRACTION = 0.5
_CLIPPED_UPDATES = 3

# TRL's adaptive coefficient keeps the KL near 6 nats by default, as the code of Ziegler et al. 2019 did in two tasks
# (openai/lm-human-preferences, launch.py), so this is a large step within few updates.
_KL_GROWTH = 6.0
_HALF_WINDOW = 10


class Symptoms:
    """Watches the metrics of one trainer. Each symptom is reported once."""

    def __init__(self) -> None:
        self._updates: list[Mapping[str, float]] = []
        self._seen = 0
        self._reported: set[str] = set()

    @classmethod
    def of(cls, trainer: Any) -> Symptoms:
        """Return the trainer's watch. It is stored on the trainer, so a second `run_ppo` continues the first."""
        if not hasattr(trainer, "_rldk_symptoms"):
            trainer._rldk_symptoms = cls()
        found: Symptoms = trainer._rldk_symptoms
        return found

    def watch(self, metrics: Mapping[str, float]) -> None:
        """Take in the metrics of an update, and warn if a symptom shows for the first time."""
        self._seen += 1
        self._updates = [*self._updates, metrics][-2 * _HALF_WINDOW :]
        for name, message in self._symptoms():
            if name not in self._reported:
                self._reported.add(name)
                warn(f"run_ppo: update {self._seen}: {message}", stacklevel=3)

    def _symptoms(self) -> Iterator[tuple[str, str]]:
        kl, clipped, scores = ([update[name] for update in self._updates] for name in ("kl", "clip_fraction", "score"))
        if len(kl) >= _NEGATIVE_UPDATES and max(kl[-_NEGATIVE_UPDATES:]) < _NEGATIVE_KL:
            yield (
                "negative KL",
                f"the KL estimate is {kl[-1]:.1f} nats, but a KL is never negative: the responses are not samples of "
                f"the policy, so use no top_k, top_p, minimum length or other limit on generation",
            )
        if len(clipped) >= _CLIPPED_UPDATES and min(clipped[-_CLIPPED_UPDATES:]) > _CLIP_FRACTION:
            yield (
                "clipping",
                f"the ratio of {clipped[-1]:.0%} of the tokens is clipped, so most of the batch trains nothing: "
                f"lower learning_rate or num_ppo_epochs",
            )
        if len(kl) == 2 * _HALF_WINDOW:
            growth = fmean(kl[_HALF_WINDOW:]) - fmean(kl[:_HALF_WINDOW])
            gain = fmean(scores[_HALF_WINDOW:]) - fmean(scores[:_HALF_WINDOW])
            if growth > _KL_GROWTH and gain <= stdev(scores) / _HALF_WINDOW**0.5:
                yield (
                    "KL without reward",
                    f"over {2 * _HALF_WINDOW} updates the KL grew by {growth:.1f} nats, but the score did not: "
                    f"raise kl_coef, or check that the reward can tell responses apart",
                )
