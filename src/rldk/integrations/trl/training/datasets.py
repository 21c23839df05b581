"""Prepare the datasets of `create_ppo_trainer`: their form, the collator, and whether completions can be sampled."""

from __future__ import annotations

import copy
import importlib.util
from collections.abc import Mapping
from typing import Any

from rldk.integrations.trl.data.columns import with_columns
from rldk.integrations.trl.data.prompts import as_prompts, is_for_own_loop
from rldk.integrations.trl.releases.generations import Generation
from rldk.integrations.trl.releases.importing import import_or_explain
from rldk.integrations.trl.releases.main_process import process_count, warn
from rldk.integrations.trl.rewards.by_name import Asked


def converted_datasets(
    generation: Generation, asked: Asked | None, tokenizer: Any, train_dataset: Any, trainer_kwargs: Mapping[str, Any]
) -> tuple[Any, dict[str, Any]]:
    """Return the prompts in the form that TRL's collators take, and the arguments of the trainer with the same done.

    Nothing is converted if there is a ``data_collator``, or if the dataset is for a loop of the program's own.

    Args:
        generation: The PPO of the installed release.
        asked: What the reward function asks for by name, if it does.
        tokenizer: Pads the prompts.
        train_dataset: See `create_ppo_trainer`.
        trainer_kwargs: Those of `create_ppo_trainer`.

    Raises:
        TypeError: A dataset contains texts or several splits.
        ValueError: The rows of a dataset have no ``input_ids``.
    """
    kwargs = dict(trainer_kwargs)
    if generation.api == "step" and is_for_own_loop(train_dataset):
        kwargs.setdefault("data_collator", None)  # as the program's own loop expects its batches
    if "data_collator" in kwargs:
        return train_dataset, kwargs
    others: dict[str, Any] = {} if asked is None else {"others": asked.columns}
    if kwargs.get("eval_dataset") is not None:
        kwargs["eval_dataset"] = as_prompts(kwargs["eval_dataset"], tokenizer, "eval_dataset", **others)
    if asked is not None and generation.api == "train":
        # TRL's own default, which fails on texts.
        padding = import_or_explain("transformers").DataCollatorWithPadding(tokenizer)
        kwargs["data_collator"] = with_columns(padding)
    return as_prompts(train_dataset, tokenizer, **others), kwargs


def config_for_samples(generation: Generation, eval_dataset: Any, config: Any) -> Any:
    """Return ``config``, or a copy without sample completions if there are no prompts for them.

    A warning says if none will be shown or sampled.
    """
    if getattr(config, "num_sample_generations", 0) < 1:
        return config
    if eval_dataset is None:
        if not generation.samples_without_eval_dataset:  # `object of type 'NoneType' has no len()`
            config = copy.copy(config)
            config.num_sample_generations = 0
        return config
    reports = getattr(config, "report_to", None) or []
    if importlib.util.find_spec("rich") is None and "wandb" not in reports:
        warn(
            "create_ppo_trainer: rich is not installed, so TRL will sample completions but not show them: "
            "pip install rich",
            stacklevel=4,
        )
    batch = config.per_device_eval_batch_size * process_count()
    if hasattr(eval_dataset, "__len__") and len(eval_dataset) < batch:
        warn(
            f"create_ppo_trainer: eval_dataset has {len(eval_dataset)} prompts, fewer than one batch of "
            f"{batch}; TRL drops incomplete batches, so no completions will be sampled: "
            f"lower per_device_eval_batch_size",
            stacklevel=4,
        )
    return config
