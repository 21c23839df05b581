"""PEFT policies such as LoRA: add an adapter, and use the policy without it as the reference model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rldk.integrations.trl.models.kinds import KnownModel, classify
from rldk.integrations.trl.models.value_head import put_value_head
from rldk.integrations.trl.releases.generations import Generation
from rldk.integrations.trl.releases.importing import import_or_explain
from rldk.integrations.trl.releases.main_process import warn

_ADAPTER = "adapter_config.json"


def apply_peft(generation: Generation, model: KnownModel, peft_config: Any) -> KnownModel:
    """Add a new adapter to ``model``. Only the adapter and the value head, if there is one, will train.

    Args:
        generation: The PPO of the installed release.
        model: A language model, or a value-head wrapper around one. The head is kept. The model is changed in place.
        peft_config: A PEFT config, e.g. ``LoraConfig(task_type="CAUSAL_LM")``.

    Raises:
        TypeError, ImportError: See `require_peft`.
        ValueError: ``model`` already has an adapter.
    """
    peft = require_peft(generation)
    if model.is_peft:
        raise ValueError(
            "create_ppo_trainer: model already is a PeftModel, and peft_config would add a second adapter "
            "(TRL 0.13-0.26 silently merge the first one): leave peft_config out, or pass model.merge_and_unload()"
        )
    adapted = classify(peft.get_peft_model(model.inner, peft_config))
    if not model.is_wrapper:
        return adapted
    wrapper = put_value_head(generation, adapted)
    wrapper.v_head = model.head
    return classify(wrapper)


def require_peft(generation: Generation) -> Any:
    """Return the ``peft`` module, for a ``peft_config``.

    Raises:
        TypeError: This release's PPO cannot train PEFT policies.
        ImportError: PEFT is missing or broken.
    """
    refuse_peft(generation, "peft_config was passed")
    return import_or_explain("peft")


def refuse_peft(generation: Generation, given: str) -> None:
    """Refuse PEFT if the installed release does not support it, and say which releases do.

    Raises:
        TypeError: The release has the step API, and its value-head wrapper does not take a ``PeftModel``.
    """
    if generation.api == "step" and not generation.wraps_peft:
        raise TypeError(
            f"create_ppo_trainer: {given}, but TRL {generation.version} cannot train PEFT policies: leave it out, or "
            f"use TRL 0.4.0-1.12.0"
        )


def reference_without_adapter(generation: Generation, policy: Any) -> Any:
    """Return a PEFT policy's reference model: None if TRL turns the adapter off, otherwise a module that does."""
    if generation.refers_to_policy_without_adapter:
        return None
    torch = import_or_explain("torch")

    class AdapterOff(torch.nn.Module):  # type: ignore[misc, name-defined]  # torch is the user's
        """Uses the policy's weights without owning them, so they are not listed, moved or saved twice."""

        def __init__(self) -> None:
            super().__init__()
            self.__dict__["policy"] = policy

        def forward(self, *args: Any, **kwargs: Any) -> Any:
            with policy.disable_adapter(), torch.no_grad():
                return policy(*args, **kwargs)

    return AdapterOff()


def check_reference(generation: Generation, policy: KnownModel) -> None:
    """Warn about a reference model that is not used: the step API turns off the adapter of a PEFT policy instead."""
    if generation.api == "step" and policy.is_peft:
        warn(
            f"create_ppo_trainer: ref_model is not used, because TRL {generation.version} (step API) uses a PEFT "
            f"policy with its adapter turned off as the reference: leave ref_model out",
            stacklevel=4,
        )


def adapter_base(model_name: str) -> str | None:
    """Return the base model's name if ``model_name`` is a folder with only a PEFT adapter, otherwise None."""
    file = Path(model_name) / _ADAPTER
    if not file.is_file() or (Path(model_name) / "config.json").is_file():
        return None
    return str(json.loads(file.read_text(encoding="utf-8"))["base_model_name_or_path"])


def load_adapter(model: Any, folder: str) -> Any:
    """Load the adapter in ``folder`` into ``model``, ready to be trained further."""
    return import_or_explain("peft").PeftModel.from_pretrained(model, folder, is_trainable=True)
