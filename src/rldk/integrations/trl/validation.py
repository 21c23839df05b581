"""``validate_ppo_setup``: find, before TRL does, what will fail with the installed release."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from rldk.integrations.trl.check_inputs import check_config, check_tokenizer, check_train_dataset
from rldk.integrations.trl.check_models import (
    check_checkpointing,
    check_policy,
    check_reference_model,
    check_reward_model,
    check_value_model,
)
from rldk.integrations.trl.checked_setup import CheckedSetup, Finding
from rldk.integrations.trl.generations import installed_generation

_CHECKS: tuple[Callable[[CheckedSetup], Iterator[Finding]], ...] = (
    check_policy,
    check_checkpointing,
    check_reference_model,
    check_reward_model,
    check_value_model,
    check_tokenizer,
    check_config,
    check_train_dataset,
)


def validate_ppo_setup(
    model: Any,
    ref_model: Any,
    reward_model: Any,
    value_model: Any,
    tokenizer: Any,
    *,
    config: Any = None,
    train_dataset: Any = None,
) -> dict[str, Any]:
    """Look at the parts of a PPO setup as the installed TRL will, and say what will fail; never raises.

    Args:
        model: the policy.
        ref_model: the reference model, or None.
        reward_model: a model, or a function from texts to floats.
        value_model: the value model; None in the step API.
        tokenizer: the models' tokenizer.
        config: a ``PPOConfig``; its checks are left out where it is None.
        train_dataset: the prompts; its checks are left out where it is None.

    Returns:
        ``valid`` (bool): there are no issues. ``issues`` (list[str]): what will fail. ``warnings`` (list[str]): what
        will run and likely not mean what was wanted. ``recommendations`` (list[str]).
    """
    found: dict[str, list[str]] = {"issue": [], "warning": [], "recommendation": []}
    try:
        generation = installed_generation()
    except ImportError as error:
        found["issue"].append(str(error))
    else:
        setup = CheckedSetup(generation, model, ref_model, reward_model, value_model, tokenizer, config, train_dataset)
        for check in _CHECKS:
            try:
                for level, text in check(setup):
                    found[level].append(text)
            except Exception as error:  # an odd object may do anything when it is looked at
                reason = f"{type(error).__name__}: {error}".splitlines()[0]
                found["warning"].append(f"could not look at {check.__name__.removeprefix('check_')}: {reason}")
    return {
        "valid": not found["issue"],
        "issues": found["issue"],
        "warnings": found["warning"],
        "recommendations": found["recommendation"],
    }
