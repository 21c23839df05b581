"""``create_ppo_trainer``: TRL's own trainer for whichever release is installed."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from rldk.integrations.trl.generations import Generation, import_or_explain, installed_generation
from rldk.integrations.trl.parts import PPOParts, complete_parts
from rldk.integrations.trl.prompts import model_columns
from rldk.integrations.trl.quiet import third_party_warnings
from rldk.integrations.trl.run import keep_lists
from rldk.integrations.trl.validation import validate_ppo_setup


def create_ppo_trainer(
    model_name: str | None,
    ppo_config: Any,
    train_dataset: Any,
    callbacks: list[Any] | None = None,
    *,
    tokenizer: Any = None,
    generation_config: Any = None,
    model: Any = None,
    ref_model: Any = None,
    reward_model: Any = None,
    value_model: Any = None,
    validate_setup: bool = True,
    **trainer_kwargs: Any,
) -> Any:
    """Make the installed release's own ``PPOTrainer``, with the parts that it wants.

    Parts that are missing are built from ``model_name``. A plain model is wrapped for the step API and a
    value-head wrapper unwrapped for the train API, with their weights kept; the wrapper's value head then becomes
    the value model, unless one is given. Random numbers are seeded with the config's ``seed`` first: the train
    API shuffles by numpy without seeding it.

    Args:
        model_name: a Hub id or a folder; None where ``model`` and ``tokenizer`` are given.
        ppo_config: from `create_ppo_config`, or the release's own ``PPOConfig``.
        train_dataset: tokenized prompts, a column ``input_ids``; others are left out, unless a
            ``data_collator`` is given.
        callbacks: transformers callbacks, train API only.
        tokenizer: the models' tokenizer.
        generation_config: for the policy; default see `fix_generation_config`.
        model: the policy, a value-head wrapper or a causal language model.
        ref_model: the reference model, of either kind; never the same object as ``model``. Default: a copy of
            the policy as it is now.
        reward_model: a sequence classifier with ``num_labels=1``, a value-head wrapper, or a function from a list
            of texts (prompt and response together, special tokens left out) to a list of floats.
        value_model: train API only; a sequence classifier with ``num_labels=1`` or a value-head wrapper.
        validate_setup: stop before TRL does where `validate_ppo_setup` finds an issue.
        **trainer_kwargs: given to TRL's constructor, e.g. ``eval_dataset`` or ``peft_config``.

    Returns:
        The trainer; ``run_ppo`` runs it on either API.

    Raises:
        ImportError: TRL is missing, broken or has no PPO; one line says since when, and what has it.
        TypeError: this release's constructor takes no such argument.
        ValueError: a part is missing and cannot be built, or `validate_ppo_setup` found an issue.
    """
    generation = installed_generation()
    _refuse_unknown(generation, callbacks, value_model, trainer_kwargs)
    import_or_explain("transformers").set_seed(getattr(ppo_config, "seed", 0))
    parts = complete_parts(
        generation,
        model_name,
        PPOParts(model, ref_model, reward_model, value_model, tokenizer),
        generation_config,
        with_peft="peft_config" in trainer_kwargs,
    )
    if "data_collator" not in trainer_kwargs:
        train_dataset = model_columns(train_dataset)
    if validate_setup:
        report = validate_ppo_setup(**vars(parts), config=ppo_config, train_dataset=train_dataset)
        if not report["valid"]:
            raise ValueError(f"create_ppo_trainer: {'; '.join(report['issues'])}")
    arguments = generation.arguments(
        {**vars(parts), "config": ppo_config, "train_dataset": train_dataset, "callbacks": callbacks}
    )
    if generation.api == "step":
        return _step_trainer(generation, arguments | trainer_kwargs, parts.reward_model)
    return _train_trainer(generation, arguments | trainer_kwargs, ppo_config)


def _step_trainer(generation: Generation, arguments: dict[str, Any], reward_model: Any) -> Any:
    arguments.setdefault("data_collator", keep_lists)
    with third_party_warnings():
        trainer = generation.trainer(**arguments)
    trainer.reward_model = reward_model  # this API leaves scoring to its caller: `run_ppo` reads it here
    return trainer


def _train_trainer(generation: Generation, arguments: dict[str, Any], config: Any) -> Any:
    if arguments.get("eval_dataset") is None and getattr(config, "num_sample_generations", 0) > 0:
        # `object of type 'NoneType' has no len()` in 0.12-0.28; from 0.29.0 on TRL itself generates none.
        config.num_sample_generations = 0
    with third_party_warnings():
        trainer = generation.trainer(**arguments)
    trainer._save_checkpoint = _without_metrics(trainer._save_checkpoint)
    return trainer


def _refuse_unknown(generation: Generation, callbacks: Any, value_model: Any, trainer_kwargs: dict[str, Any]) -> None:
    taken = generation.parameters - set(generation.names.values())
    for name in trainer_kwargs:
        if name not in taken:
            raise TypeError(
                f"create_ppo_trainer: PPOTrainer of TRL {generation.version} takes no {name!r}; "
                f"it takes {', '.join(sorted(taken))}"
            )
    for part, value in (("callbacks", callbacks), ("value_model", value_model)):
        if value is not None and part not in generation.names:
            raise TypeError(
                f"create_ppo_trainer: TRL {generation.version} has the step API, whose PPOTrainer takes no {part}: "
                f"leave it out, or use TRL 0.12.0-1.12.0"
            )


def _without_metrics(save_checkpoint: Callable[..., None]) -> Callable[..., None]:
    """TRL 0.12-0.22.2 pass ``metrics``, which transformers dropped at the end of 2024 (huggingface/trl#3998)."""
    if "metrics" in inspect.signature(save_checkpoint).parameters:
        return save_checkpoint

    def save(*args: Any, metrics: None = None, **kwargs: Any) -> None:
        save_checkpoint(*args, **kwargs)

    return save
