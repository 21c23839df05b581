"""``portable_config``: convert a release's own config object back to the common option names."""

from __future__ import annotations

import dataclasses
import enum
import inspect
from typing import Any

from rldk.integrations.trl.config.create import create_ppo_config
from rldk.integrations.trl.config.unread import NEVER_READ
from rldk.integrations.trl.config.vocabulary import ADAPTIVE_KL, PORTABLE, STEP_NAMES, VOCABULARY, Options
from rldk.integrations.trl.releases.generations import Generation, generation_of
from rldk.integrations.trl.releases.quiet import third_party_warnings

# Always returned, even if they have the release's default, because other releases have another default.
_ALWAYS = (
    *PORTABLE,
    "bf16",
    "num_sample_generations",
    "missing_eos_penalty",
    "gradient_checkpointing",
    "logging_steps",
    "save_strategy",
)

# TRL computes these when the config or the trainer is created.
_DERIVED = frozenset(
    {"forward_batch_size", "backward_batch_size", "global_backward_batch_size", "global_batch_size", "world_size"}
    | {"is_encoder_decoder", "is_peft_model", "total_ppo_epochs", "output_dir", "logging_dir"}
)


def portable_config(config: Any) -> dict[str, Any]:
    """Convert a ``PPOConfig`` or ``PPOv2Config`` of the installed release back to options for `create_ppo_config`.

    ``create_ppo_config(**portable_config(config))`` creates an equal config on the same release. On another release it
    sets up the same run, as far as a config determines it. Options with a default that differs between releases are
    always included. Options that only one release has keep their names, are included if they differ from its default,
    and are refused by other releases. The fields of your own subclass (before 0.4.2 the arguments of its constructor)
    are included in the same way, and `create_ppo_config` refuses them, because it creates the release's own class.
    Options that TRL computes itself (``batch_size`` in the train API, ``world_size``, ...) and options that the train
    API never reads (``max_grad_norm``, ``max_steps``, ...) are left out.

    In the step API, ``num_mini_batches`` is ``batch_size / (mini_batch_size * gradient_accumulation_steps)``. Releases
    before 0.3.0 optimize sample by sample, so there ``per_device_train_batch_size`` is the whole batch. A
    ``kl_penalty`` other than ``"kl"`` and batches that do not divide evenly keep the step API's names.

    Args:
        config: A config of the installed release, from `create_ppo_config` or TRL's constructor.

    Returns:
        Options for `create_ppo_config`, including ``output_dir`` and, for a ``PPOv2Config``, ``api``.

    Raises:
        TypeError: ``config`` is not a config of the installed release.
        ImportError: TRL is missing, broken or has no PPO.
    """
    generation = generation_of(config)
    if not generation.owns(config):
        raise TypeError(
            f"portable_config: a {type(config).__name__} is not a PPOConfig of TRL {generation.version}: "
            f"pass a config from create_ppo_config or from TRL's PPOConfig"
        )
    options = _from_step(generation, config) if generation.api == "step" else _from_train(generation, config)
    options |= _own_fields(generation, config)
    if hasattr(config, "output_dir"):
        options["output_dir"] = str(config.output_dir)
    if generation.is_ppov2:
        options["api"] = "train"
    return options


def _from_step(generation: Generation, config: Any) -> Options:
    options: Options = {}
    for row in VOCABULARY:
        options |= row.read(config, generation)
    with third_party_warnings():
        default = generation.config()
    for name in generation.options:
        if name not in STEP_NAMES | _DERIVED and getattr(config, name) != getattr(default, name):
            options[name] = getattr(config, name)
    return options


def _from_train(generation: Generation, config: Any) -> Options:
    default = create_ppo_config(config.output_dir, api=generation.api)
    derived = _DERIVED | NEVER_READ.keys()
    if generation.overwrites_run_name:
        derived |= {"run_name"}
    adapts = getattr(config, "adap_kl_ctrl", False)
    options = {name: vars(config)[name] for name in ADAPTIVE_KL if adapts and name in vars(config)}
    for name in generation.options:
        if name in derived:
            continue
        value = _plain(name, getattr(config, name))
        if (name in _ALWAYS and value is not None) or value != _plain(name, getattr(default, name)):
            options[name] = value
    return dict(sorted(options.items(), key=lambda item: PORTABLE.index(item[0]) if item[0] in PORTABLE else 99))


def _own_fields(generation: Generation, config: Any) -> Options:
    """Return the fields of a user's subclass that differ from its defaults, so that `create_ppo_config` names them."""
    options = {}
    factories = {field.name: field.default_factory for field in dataclasses.fields(config)}
    # Not the fields: the configs of 0.2.0-0.4.1 have none, and a subclass there has an __init__ of its own.
    for name, parameter in inspect.signature(type(config)).parameters.items():
        if name in generation.options or not hasattr(config, name):
            continue
        factory = factories.get(name, dataclasses.MISSING)
        default = parameter.default if factory is dataclasses.MISSING else factory()
        if getattr(config, name) != default:
            options[name] = getattr(config, name)
    return options


def _plain(name: str, value: Any) -> Any:
    if name == "report_to":
        trackers = [value] if isinstance(value, str) else list(value or [])
        return trackers[0] if len(trackers) == 1 else trackers or "none"
    return value.value if isinstance(value, enum.Enum) else value
