"""``validate_ppo_setup``: find what will fail with the installed release before TRL does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from rldk.integrations.trl.checks.config import check_config
from rldk.integrations.trl.checks.datasets import check_eval_dataset, check_train_dataset
from rldk.integrations.trl.checks.deepspeed import check_deepspeed
from rldk.integrations.trl.checks.models import (
    check_checkpointing,
    check_policy,
    check_reference_model,
    check_reward_model,
    check_value_model,
)
from rldk.integrations.trl.checks.setup import CheckedSetup, Finding
from rldk.integrations.trl.checks.tokenizers import check_pad_token, check_tokenizer
from rldk.integrations.trl.checks.weights import (
    check_positions,
    check_token_types,
    check_trainable,
    check_weights,
)
from rldk.integrations.trl.releases.generations import generation_of
from rldk.integrations.trl.releases.quiet import third_party_warnings

_CHECKS: tuple[Callable[[CheckedSetup], Iterator[Finding]], ...] = (
    check_policy,
    check_checkpointing,
    check_reference_model,
    check_reward_model,
    check_value_model,
    check_tokenizer,
    check_pad_token,
    check_config,
    check_train_dataset,
    check_eval_dataset,
    check_weights,
    check_trainable,
    check_positions,
    check_token_types,
    check_deepspeed,
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
    eval_dataset: Any = None,
) -> dict[str, Any]:
    """Check the parts of a PPO setup against the installed TRL, and report what will fail. Never raises.

    Args:
        model: The policy.
        ref_model: The reference model, or None.
        reward_model: A model, or a function from texts to floats. May be None for the step API.
        value_model: The value model. None for the step API.
        tokenizer: The tokenizer of the models.
        config: A ``PPOConfig``. Not checked if None.
        train_dataset: The prompts. Not checked if None, but the train API needs one, which is an issue if ``config``
            is passed. The token ids of a ``datasets.Dataset`` are all read, with Arrow, but of a shuffled one only
            the first 10,000 rows. Of any other dataset, and of all other columns, the first 1000 rows are read.
        eval_dataset: The prompts for sample completions (train API). Not checked if None.

    Returns:
        A dict with ``valid`` (bool): whether there are no issues; ``issues`` (list[str]): what will fail; ``warnings``
        (list[str]): what will run, but probably not as intended; ``recommendations`` (list[str]).
    """
    found = look_at_ppo_setup(
        model,
        ref_model,
        reward_model,
        value_model,
        tokenizer,
        config=config,
        train_dataset=train_dataset,
        eval_dataset=eval_dataset,
    )
    issues, warnings, recommendations = (
        [finding.text for finding in found if finding.level == level]
        for level in ("issue", "warning", "recommendation")
    )
    return {"valid": not issues, "issues": issues, "warnings": warnings, "recommendations": recommendations}


def look_at_ppo_setup(
    model: Any,
    ref_model: Any,
    reward_model: Any,
    value_model: Any,
    tokenizer: Any,
    *,
    config: Any = None,
    train_dataset: Any = None,
    eval_dataset: Any = None,
) -> list[Finding]:
    """Return the findings of `validate_ppo_setup`, with the ids of the failures that they would lead to."""
    try:
        generation = generation_of(config)
    except Exception as error:  # an odd object may raise anything
        return [Finding("issue", _one_line(error) if isinstance(error, ImportError) else f"config: {_named(error)}")]
    setup = CheckedSetup(
        generation, model, ref_model, reward_model, value_model, tokenizer, config, train_dataset, eval_dataset
    )
    found = []
    for check in _CHECKS:
        try:
            with third_party_warnings():
                for finding in check(setup):
                    found.append(finding._replace(text=_one_line(finding.text)))
        except Exception as error:
            part = check.__name__.removeprefix("check_")
            found.append(Finding("warning", f"could not check {part}: {_named(error)}"))
    return found


def _named(error: Exception) -> str:
    return f"{type(error).__name__}: {_one_line(error)}"


def _one_line(what: object) -> str:
    try:
        return " ".join(str(what).split())
    except Exception:  # its __str__ fails too
        return "(no text)"
