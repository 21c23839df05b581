"""The PPO of the installed TRL: its classes, its constructor and, in `Probes`, how it differs from others.

All of this is found by probing: where to import ``PPOTrainer`` and the value-head classes from, which API the trainer
has, and the constructor's names for the parts (``config``/``args``, ``policy``/``model``, ...). TRL 0.9.2-0.11.4 have
two: ``PPOTrainer`` (step API, the default there) and ``PPOv2Trainer`` (train API).
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Mapping
from functools import cache
from typing import Any

from packaging.version import Version

from rldk.integrations.trl.releases.boundaries import API_RELEASES, no_ppo_message
from rldk.integrations.trl.releases.importing import first_line, import_or_explain
from rldk.integrations.trl.releases.installed import (
    PPOApi,
    PPOModule,
    PPOSource,
    installed_ppo,
    installed_ppov2,
    installed_version,
)
from rldk.integrations.trl.releases.probes import Probes
from rldk.integrations.trl.releases.quiet import third_party_warnings

# Our name of a part -> its names in the constructors of all releases, newest first.
PARTS: Mapping[str, tuple[str, ...]] = {
    "config": ("args", "config"),
    "tokenizer": ("processing_class", "tokenizer"),
    "model": ("model", "policy"),
    "ref_model": ("ref_model", "ref_policy"),
    "reward_model": ("reward_model",),
    "value_model": ("value_model",),
    "train_dataset": ("train_dataset", "dataset"),
    "callbacks": ("callbacks",),
}


class Generation(Probes):
    """The PPO of the installed release."""

    def owns(self, config: Any) -> bool:
        """Whether a config has the class that this generation's trainer takes."""
        return isinstance(config, self.config)

    def arguments(self, parts: Mapping[str, Any]) -> dict[str, Any]:
        """Rename ``parts`` to this constructor's parameters, and drop those that it does not take."""
        return {self.names[part]: value for part, value in parts.items() if part in self.names}


def installed_generation(api: PPOApi | None = None) -> Generation:
    """Return the PPO of the installed TRL.

    Args:
        api: ``"step"`` or ``"train"``. None for the API of ``PPOTrainer``. On TRL 0.9.2-0.11.4 ``"train"`` is
            ``PPOv2Trainer``.

    Raises:
        ImportError: TRL is missing, broken, or has no PPO with this API. The message says what to install.
        ValueError: ``api`` is not the name of an API.
    """
    if api is not None and api not in API_RELEASES:
        raise ValueError(f"api={api!r} is not a PPO API: use 'step', 'train', or None for the release's own")
    version = installed_version("trl")
    if version is None:
        import_or_explain("trl")
        raise ImportError("trl can be imported but has no installed version: reinstall it with pip", name="trl")
    source = installed_ppo()
    if source.api is None:
        raise ImportError(no_ppo_message(version), name="trl")
    if api is not None and source.api != api:
        source = installed_ppov2() if api == "train" else PPOSource(None, None)
    if source.module is None:
        assert api is not None
        raise ImportError(
            f"TRL {version} has no PPO with the {api} API; TRL {API_RELEASES[api]}: install one of them, or leave "
            f"api out",
            name="trl",
        )
    return _generation(version, source.module)


def generation_of(config: Any) -> Generation:
    """Return the PPO that ``config`` belongs to, or the release's default if it belongs to none.

    Raises:
        ImportError: TRL is missing, broken, or has no PPO. The message says what to install.
    """
    default = installed_generation()
    # PPOv2's module is imported only if the config may belong to it.
    if default.api == "train" or not any(cls.__name__ == "PPOv2Config" for cls in type(config).__mro__):
        return default
    return installed_generation("train")


@cache
def _generation(version: Version, module_name: PPOModule) -> Generation:
    module = import_or_explain(module_name)
    kind = "PPOv2" if module_name.endswith("ppov2_trainer") else "PPO"
    with third_party_warnings():  # TRL's modules are lazy, so reading an attribute imports too
        try:
            trainer, config = getattr(module, f"{kind}Trainer"), getattr(module, f"{kind}Config")
            value_head = _value_head_class(module)
        except Exception as error:
            raise ImportError(
                f"TRL {version} is installed, but its PPO cannot be imported from {module_name} "
                f"({first_line(error)}): reinstall it with the dependencies it was released with",
                name=module_name,
            ) from error
    parameters = tuple(inspect.signature(trainer.__init__).parameters)[1:]
    names = {}
    for part, candidates in PARTS.items():
        found = [name for name in candidates if name in parameters]
        if found:
            names[part] = found[0]
    return Generation(
        version=version,
        api="step" if hasattr(trainer, "step") else "train",
        module=module_name,
        trainer=trainer,
        config=config,
        value_head=value_head,
        parameters=frozenset(parameters),
        names=names,
    )


def _value_head_class(module: types.ModuleType) -> type[Any]:
    # The value heads joined the trainer in trl.experimental.ppo in 0.27.0 and left `trl` in 0.29.0.
    home = module if hasattr(module, "AutoModelForCausalLMWithValueHead") else import_or_explain("trl")
    found: type[Any] = home.AutoModelForCausalLMWithValueHead
    return found
