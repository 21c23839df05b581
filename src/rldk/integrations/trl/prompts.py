"""The prompts that PPO trains on, brought into the form that TRL's collator takes."""

from __future__ import annotations

from typing import Any

_MODEL_COLUMNS = ("input_ids", "attention_mask")


def model_columns(dataset: Any) -> Any:
    """Leave out string columns, at which TRL's collator fails (``too many dimensions 'str'``, trl#2340)."""
    columns = getattr(dataset, "column_names", None)
    if not isinstance(columns, list) or "input_ids" not in columns:
        return dataset
    extra = [column for column in columns if column not in _MODEL_COLUMNS]
    return dataset.remove_columns(extra) if extra else dataset
