"""A run of PPO that notes what it does: options read, tokens generated, gradients, texts scored."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

STEP_NAMES = {"value_clip": "ppo/val/clipfrac", "kl_penalty": "ppo/mean_non_score_reward"}
TRAIN_NAMES = {"value_clip": "val/clipfrac_avg", "kl_penalty": "objective/non_score_reward"}


@dataclass
class Run:
    """What was seen while some updates ran."""

    config: Any
    trainer: Any
    is_train: bool
    updates: list[Any] = field(default_factory=list)
    texts: list[list[str]] = field(default_factory=list)
    """Each call of the reward function."""
    generated: list[tuple[Any, int]] = field(default_factory=list)
    """Each call of `generate`: the tokens, and the length of the prompts."""
    gradients: list[tuple[float, float]] = field(default_factory=list)
    """At each optimizer step: the norm of all gradients, and of the value head's."""
    vectors: list[tuple[Any, Any]] = field(default_factory=list)
    """At each optimizer step: all gradients, and the value head's, each as one vector."""
    has_moved: bool = False
    reads: set[str] = field(default_factory=set)
    """Options that were read from the config while the trainer was made and ran."""

    def own(self, name: str, update: int = 0) -> float:
        number = self.updates[update].trl[(TRAIN_NAMES if self.is_train else STEP_NAMES)[name]]
        return float(number.mean()) if hasattr(number, "mean") else float(number)


def remember_reads(config, reads):
    """Let the config note which of its options are read; its class stays a subclass of its own."""

    class Noting(type(config)):
        def __getattribute__(self, name):
            reads.add(name)
            return super().__getattribute__(name)

    Noting.__name__ = type(config).__name__
    config.__class__ = Noting


def watch_generation(policy, seen):
    generate = policy.generate

    def watched(*args, **kwargs):
        output = generate(*args, **kwargs)
        prompts = kwargs.get("input_ids", args[0] if args else None)
        seen.append((getattr(output, "sequences", output), prompts.shape[1]))
        return output

    policy.generate = watched


def watch_optimizer(optimizer, value_head, seen):
    import torch

    inner = getattr(optimizer, "optimizer", optimizer)
    step = inner.step

    def gradient(parameters):
        gradients = [parameter.grad.flatten() for parameter in parameters if parameter.grad is not None]
        return torch.cat(gradients) if gradients else torch.zeros(1)

    def watched(*args, **kwargs):
        every = [parameter for group in inner.param_groups for parameter in group["params"]]
        seen.vectors.append((gradient(every), gradient(value_head.parameters())))
        seen.gradients.append(tuple(float(vector.norm()) for vector in seen.vectors[-1]))
        return step(*args, **kwargs)

    inner.step = watched
