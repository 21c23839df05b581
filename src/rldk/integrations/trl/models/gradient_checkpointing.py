"""Gradient checkpointing of the policy on every release: on during training, off during generation."""

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
    """Within the context, turn gradient checkpointing of ``model`` off; then turn it on again where it was on.

    Only the flags of the modules change. Turning it off and on with transformers would lose the arguments of
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
    """Within the context, create a trainer with gradient checkpointing, if the policy has it on or the config asks.

    The train API ignores ``gradient_checkpointing`` of its config, so it is turned on here. Generating with it on
    returns wrong tokens with transformers 5 and fails with 4.26. From 0.22.0 on TRL turns it off for generation, but
    in 0.22.0-0.29.1 that fails (``'PolicyAndValueWrapper' object has no attribute 'gradient_checkpointing_disable'``,
    huggingface/trl#4954). So it is hidden from TRL, and the policy's ``generate`` turns it off itself. The step API
    optimizes in evaluation mode, where transformers does not recompute activations; see `train_mode`.
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
        if generation.api == "step":
            _turn_dropout_off(inner)
        inner.generate = types.MethodType(generate, inner)  # a bound method, so a deep copy gets its own
        if train_mode not in inner._forward_pre_hooks.values():
            inner.register_forward_pre_hook(train_mode)
    with checkpointing_paused(inner):
        yield


def wants_checkpointing(generation: Generation, config: Any, model: Any) -> bool:
    """Whether ``config`` asks for it. If it is on by default, models that do not support it are left alone."""
    if not getattr(config, "gradient_checkpointing", False):
        return False
    return not generation.checkpoints_by_default or bool(getattr(model, "supports_gradient_checkpointing", False))


def train_mode(model: Any, _inputs: Any) -> None:
    """Before a forward pass with gradients, put the modules that checkpoint in training mode: else none recomputes."""
    if import_or_explain("torch").is_grad_enabled():
        for module in _checkpointing(model):
            module.training = True


def _turn_dropout_off(model: Any) -> None:
    """Set every dropout probability of ``model`` to 0, which is what evaluation mode does without checkpointing.

    TRL 0.7.2-0.11.4 turns training mode on between the forward pass and the backward pass, which runs the layers
    again: with dropout the gradients would belong to other activations. OPT and BART apply dropout inside the layer.
    """
    for module in model.modules():
        for name, value in vars(module).items():
            if isinstance(value, float) and (name == "p" or "drop" in name):
                setattr(module, name, 0.0)


def generate(self: Any, *args: Any, **kwargs: Any) -> Any:
    """Call the model's own ``generate`` with gradient checkpointing off."""
    with checkpointing_paused(self):
        return type(self).generate(self, *args, **kwargs)


def _checkpointing(model: Any) -> list[Any]:
    return [module for module in model.modules() if vars(module).get("gradient_checkpointing") is True]
