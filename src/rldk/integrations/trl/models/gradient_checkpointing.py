"""Gradient checkpointing of the policy: on for training, off for generation, on every release."""

from __future__ import annotations

import types
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rldk.integrations.trl.models.kinds import KnownModel
from rldk.integrations.trl.releases.generations import Generation
from rldk.integrations.trl.releases.importing import import_or_explain


@contextmanager
def checkpointing_paused(model: Any) -> Iterator[None]:
    """Turn gradient checkpointing off in ``model`` and, at the end, on again where it was.

    Only the modules' flags change: transformers' own way off and on again would lose the arguments given to
    ``gradient_checkpointing_enable``.
    """
    paused = _checkpointing(model)
    for module in paused:
        module.gradient_checkpointing = False
    try:
        yield
    finally:
        for module in paused:
            module.gradient_checkpointing = True


@contextmanager
def trainer_built_around(
    generation: Generation, policy: KnownModel, value_model: KnownModel, config: Any
) -> Iterator[None]:
    """Build a trainer inside whose policy checkpoints, or shall by its config, and generates without.

    The train API never acts on ``gradient_checkpointing`` of its config: here it is done. Generation with it on
    gives wrong tokens with transformers 5 and fails with 4.26; TRL turns it off for that from 0.22.0 on, and fails
    at it in 0.22.0-0.29.1 (``'PolicyAndValueWrapper' object has no attribute 'gradient_checkpointing_disable'``,
    huggingface/trl#4954). So TRL is not shown it, and ``generate`` of the policy turns it off itself. The step API
    optimizes in evaluation mode, in which transformers recomputes nothing: see `train_mode`.
    """
    inner = policy.inner
    if wants_checkpointing(generation, config, inner):
        for model in (inner, value_model.inner):
            # transformers 5.23 deprecates the second name.
            names = ("activation_checkpointing_enable", "gradient_checkpointing_enable")
            enable = next((getattr(model, name) for name in names if hasattr(model, name)), None)
            if enable is not None:
                enable(getattr(config, "gradient_checkpointing_kwargs", None) or {"use_reentrant": False})
    if _checkpointing(inner):
        inner.generate = types.MethodType(generate, inner)  # a method: a deep copy's is the copy's own
        if train_mode not in inner._forward_pre_hooks.values():
            inner.register_forward_pre_hook(train_mode)
    with checkpointing_paused(inner):
        yield


def wants_checkpointing(generation: Generation, config: Any, model: Any) -> bool:
    """Whether ``config`` asks for it; a release's default forces it on no model that cannot."""
    if not getattr(config, "gradient_checkpointing", False):
        return False
    return not generation.checkpoints_by_default or bool(getattr(model, "supports_gradient_checkpointing", False))


def train_mode(model: Any, _inputs: Any) -> None:
    """Before a forward pass with gradients, put the modules that checkpoint in training mode; no dropout within."""
    if import_or_explain("torch").is_grad_enabled():
        for module in _checkpointing(model):
            module.training = True


def generate(self: Any, *args: Any, **kwargs: Any) -> Any:
    """The model's own ``generate``, with gradient checkpointing off meanwhile."""
    with checkpointing_paused(self):
        return type(self).generate(self, *args, **kwargs)


def _checkpointing(model: Any) -> list[Any]:
    return [module for module in model.modules() if vars(module).get("gradient_checkpointing") is True]
