"""PEFT policies (LoRA and the like): put an adapter on, keep the policy without it as the reference."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

from rldk.integrations.trl.models.kinds import KnownModel, classify
from rldk.integrations.trl.models.value_head import put_value_head
from rldk.integrations.trl.releases.generations import Generation
from rldk.integrations.trl.releases.importing import import_or_explain

_ADAPTER = "adapter_config.json"


def apply_peft(generation: Generation, model: KnownModel, peft_config: Any) -> KnownModel:
    """``model`` with a fresh adapter: only that trains, and the value head where it has one.

    Args:
        generation: the installed release's PPO.
        model: a language model, or a value-head wrapper around one, whose head is kept. It is changed in place.
        peft_config: of PEFT, e.g. ``LoraConfig(task_type="CAUSAL_LM")``.

    Raises:
        TypeError, ImportError: see `require_peft`.
        ValueError: ``model`` has an adapter already.
    """
    peft = require_peft(generation)
    if model.is_peft:
        raise ValueError(
            "create_ppo_trainer: model already is a PeftModel and peft_config asks for another adapter (TRL 0.13-0.26 "
            "merge the first one silently): leave peft_config out, or give model.merge_and_unload()"
        )
    adapted = classify(peft.get_peft_model(model.inner, peft_config))
    if not model.is_wrapper:
        return adapted
    wrapper = put_value_head(generation, adapted)
    wrapper.v_head = model.head
    return classify(wrapper)


def require_peft(generation: Generation) -> Any:
    """The ``peft`` module, for a ``peft_config``.

    Raises:
        TypeError: this release's PPO cannot train PEFT policies.
        ImportError: PEFT is missing or broken.
    """
    refuse_peft(generation, "peft_config")
    return import_or_explain("peft")


def refuse_peft(generation: Generation, given: str) -> None:
    """Say since when TRL can, where it cannot.

    Raises:
        TypeError: the value-head wrapper, which the step API's policy must be, takes no ``PeftModel``.
    """
    if generation.api == "step" and not generation.wraps_peft:
        raise TypeError(
            f"create_ppo_trainer: {given}: TRL {generation.version} cannot train PEFT policies: leave it out, or use "
            f"TRL 0.4.0-1.12.0"
        )


def reference_without_adapter(generation: Generation, policy: Any) -> Any:
    """The reference model of a PEFT policy: None where TRL itself turns the adapter off, else a module that does."""
    if generation.refers_to_policy_without_adapter:
        return None
    torch = import_or_explain("torch")

    class AdapterOff(torch.nn.Module):  # type: ignore[misc, name-defined]  # torch is the user's
        """Shares the policy's weights without owning them: none is listed, moved or saved twice."""

        def __init__(self) -> None:
            super().__init__()
            self.__dict__["policy"] = policy

        def forward(self, *args: Any, **kwargs: Any) -> Any:
            with policy.disable_adapter(), torch.no_grad():
                return policy(*args, **kwargs)

    return AdapterOff()


def check_reference(generation: Generation, policy: KnownModel) -> None:
    """Warn about a reference model that will not be asked: the step API turns a PEFT policy's adapter off instead."""
    if generation.api == "step" and policy.is_peft:
        warnings.warn(
            f"create_ppo_trainer: ref_model is not used: TRL {generation.version} (step API) takes a PEFT policy with "
            f"its adapter turned off as the reference: leave ref_model out",
            stacklevel=4,
        )


def adapter_base(model_name: str) -> str | None:
    """The base model's name where ``model_name`` is a folder with nothing but a PEFT adapter, else None."""
    file = Path(model_name) / _ADAPTER
    if not file.is_file() or (Path(model_name) / "config.json").is_file():
        return None
    return str(json.loads(file.read_text(encoding="utf-8"))["base_model_name_or_path"])


def load_adapter(model: Any, folder: str) -> Any:
    """``model`` with the adapter that was saved to ``folder``, to be trained further."""
    return import_or_explain("peft").PeftModel.from_pretrained(model, folder, is_trainable=True)
