"""The defaults of the installed release's config, read from a config that was really built."""

from __future__ import annotations

import enum
from typing import Any

from rldk.integrations.trl.config.defaults import OPTIONS


def own_defaults(config_class: type[Any], output_dir: str) -> dict[str, Any]:
    """Build the config as TRL's user would, giving nothing but ``output_dir``, and read it.

    TRL turns bf16 on in 0.19.0 and later, before transformers refuses bf16 without an accelerator: the default is
    read from the object that was refused, and all others from one that was built with ``bf16=False, use_cpu=True``.

    Args:
        config_class: a release's ``PPOConfig`` or ``PPOv2Config``.
        output_dir: for the train API, which wants one.

    Returns:
        The options in `OPTIONS` that this class has, as plain values.
    """
    inherits = "output_dir" in getattr(config_class, "__dataclass_fields__", {})
    given = {"output_dir": output_dir} if inherits else {}
    config = object.__new__(config_class)
    first: dict[str, Any] = {}
    try:
        config.__init__(**given)
    except ValueError:
        first = {"bf16": config.bf16, "use_cpu": config.use_cpu}
        config = config_class(**given, bf16=False, use_cpu=True)
    values = {**vars(config), **first}
    return {name: plain(values[name]) for name in OPTIONS if name in values}


def plain(value: Any) -> Any:
    """A default as JSON has it."""
    return value.value if isinstance(value, enum.Enum) else value
