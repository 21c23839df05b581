"""Give a value-head wrapper the attributes that TRL's train API reads from its models.

They are properties of a subclass that is made for the wrapper's class. An alias assigned as an attribute would
register the module a second time, and ``state_dict()``, ``named_parameters()`` and safetensors would see its weights
twice. Properties also stay correct after ``.to()``, ``deepcopy``, or when ``v_head`` is replaced.
"""

from __future__ import annotations

import functools
import os
from typing import Any

from rldk.integrations.trl.releases.importing import import_or_explain


class ValueHeadOutput(tuple[Any, ...]):
    """The output of a value-head wrapper, the tuple ``(logits, loss, value)``, with an attribute ``.logits``.

    TRL's step API unpacks the tuple. The train API reads ``.logits`` from the policy's output (``'tuple' object has no
    attribute 'logits'``, TRL 0.12-0.21, huggingface/trl#2718).
    """

    @property
    def logits(self) -> Any:
        """Language-model logits, shape ``(batch, sequence, vocabulary)``."""
        return self[0]

    @property
    def loss(self) -> Any:
        """The language-model loss; None if no labels were passed."""
        return self[1]

    @property
    def value(self) -> Any:
        """The value head's estimate for each token, shape ``(batch, sequence)``."""
        return self[2]


class ValueHeadAliases:
    """Mixed into a value-head wrapper's class by `with_aliases`."""

    pretrained_model: Any
    v_head: Any

    @property
    def generation_config(self) -> Any:
        """The wrapped model's generation config, which ``generate`` uses."""
        return self.pretrained_model.generation_config

    @generation_config.setter
    def generation_config(self, value: Any) -> None:
        self.pretrained_model.generation_config = value

    @property
    def base_model_prefix(self) -> str:
        """The wrapped model's prefix: the name of the attribute with the backbone (huggingface/trl#1977)."""
        return str(self.pretrained_model.base_model_prefix)

    @property
    def is_gradient_checkpointing(self) -> bool:
        """Whether the wrapped model recomputes activations. TRL reads this from 0.22.0 on."""
        # Same check as in transformers, where the property is deprecated from 5.23 on.
        return any(getattr(module, "gradient_checkpointing", False) for module in self.pretrained_model.modules())

    @property
    def score(self) -> Any:
        """The value head, or the wrapper's reward-adapter head if it was created with one."""
        return self.__dict__["_modules"].get("score", self.v_head)

    def state_dict(self, *args: Any, **kwargs: Any) -> Any:
        """Return TRL's ``state_dict`` for the wrapper alone, and torch's if the wrapper is inside another module.

        There TRL's (0.2.0-1.12.0) would mix the outer module's keys with its own, and it fails with ``OrderedDict
        mutated during iteration``.
        """
        if args or kwargs.get("destination") is not None:
            return import_or_explain("torch").nn.Module.state_dict(self, *args, **kwargs)
        return super().state_dict(**kwargs)  # type: ignore[misc]  # the wrapper has it

    def save_pretrained(self, save_directory: Any, *args: Any, **kwargs: Any) -> Any:
        """Create the folder, then save as TRL does. TRL writes a PEFT model's head before PEFT creates the folder."""
        os.makedirs(save_directory, exist_ok=True)
        return super().save_pretrained(save_directory, *args, **kwargs)  # type: ignore[misc]  # the wrapper has it

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)  # type: ignore[misc]  # torch.nn.Module has it
        except AttributeError:
            pretrained = self.__dict__.get("_modules", {}).get("pretrained_model")
            if pretrained is None or name != getattr(pretrained, "base_model_prefix", None):
                raise
            # Same rule as PreTrainedModel.base_model in transformers: T5 has no attribute named like its prefix.
            return getattr(pretrained, name, pretrained)

    def __reduce_ex__(self, protocol: Any) -> Any:
        # The subclass is created at run time, so pickle and deepcopy must create it again.
        reduced: Any = super().__reduce_ex__(protocol)
        return (_restore, (type(self).__mro__[2],), *reduced[2:])


@functools.cache
def with_aliases(wrapper_class: Any) -> Any:
    """Return the wrapper's class with the aliases. Its name, module and ``forward`` signature stay the same."""

    @functools.wraps(wrapper_class.forward)  # the step API picks dataset columns by this signature
    def forward(self: Any, *args: Any, **kwargs: Any) -> ValueHeadOutput:
        return ValueHeadOutput(wrapper_class.forward(self, *args, **kwargs))

    return type(
        wrapper_class.__name__,
        (ValueHeadAliases, wrapper_class),
        {
            "forward": forward,
            "__module__": wrapper_class.__module__,
            "__qualname__": wrapper_class.__qualname__,
            "__doc__": wrapper_class.__doc__,
        },
    )


def _restore(wrapper_class: Any) -> Any:
    fixed = with_aliases(wrapper_class)
    return fixed.__new__(fixed)
