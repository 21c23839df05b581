"""The prompts that PPO trains on, brought into the form that TRL's collator takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rldk.integrations.trl.models.tokenizers import classify_tokenizer
from rldk.integrations.trl.releases.importing import import_or_explain

_MODEL_COLUMNS = ("input_ids", "attention_mask")
_LOOKED_AT = 1000


def as_prompts(dataset: Any, tokenizer: Any, part: str = "train_dataset") -> Any:
    """A dataset of prompts as TRL's collators take it; one that is so already comes back as it is.

    Columns other than ``input_ids`` and ``attention_mask`` are left out: at strings the collator fails (``too many
    dimensions 'str'``, huggingface/trl#2340). A list of dicts becomes a dataset. Padding at a row's end is taken
    off, because a prompt is continued at its end; a ``datasets.Dataset`` is looked through for it in its first rows.
    What streams is left to `validate_ppo_setup`.

    Args:
        dataset: a ``datasets.Dataset``, a map-style ``torch.utils.data.Dataset`` of dicts, or a list of dicts.
        tokenizer: its pad token tells padding where a row has no attention mask.
        part: what messages call it.

    Raises:
        TypeError: it holds texts, or several splits; one line says what to pass instead.
        ValueError: its rows have no ``input_ids``.
    """
    if isinstance(dataset, Mapping):  # datasets.DatasetDict is a dict
        splits = ", ".join(map(str, dataset))
        raise TypeError(f"{part} is a {type(dataset).__name__} of {splits}: pass one of its datasets")
    if not hasattr(dataset, "__getitem__") or not hasattr(dataset, "__len__") or len(dataset) == 0:
        return dataset
    first = dataset[0]
    if not isinstance(first, Mapping):
        raise TypeError(
            f"{part} holds {type(first).__name__} instead of dicts with input_ids: "
            f"tokenize the prompts first, [tokenizer(prompt) for prompt in prompts]"
        )
    if "input_ids" not in first:
        had = ", ".join(map(str, first))
        raise ValueError(f"{part} has no column input_ids (it has {had}): tokenize the prompts first")
    if not hasattr(dataset, "remove_columns"):
        return _rows(dataset, tokenizer)
    if any(_end(dataset[number], tokenizer) for number in range(min(len(dataset), _LOOKED_AT))):
        return _rows(dataset, tokenizer)
    extra = [column for column in dataset.column_names if column not in _MODEL_COLUMNS]
    return dataset.remove_columns(extra) if extra else dataset


def _rows(dataset: Any, tokenizer: Any) -> Any:
    """``dataset`` with each row brought into form when it is asked for."""

    class Prompts(import_or_explain("torch").utils.data.Dataset):  # type: ignore[misc]  # the step API wants one
        def __len__(self) -> int:
            return len(dataset)

        def __getitem__(self, number: int) -> dict[str, Any]:
            row = dataset[number]
            kept = len(row["input_ids"]) - _end(row, tokenizer)
            return {column: row[column][:kept] for column in _MODEL_COLUMNS if column in row}

    return Prompts()


def _end(row: Mapping[str, Any], tokenizer: Any) -> int:
    """How many tokens of padding are at the row's end; one token always stays."""
    if "attention_mask" in row:
        marks, padding = row["attention_mask"], 0
    else:
        pad = classify_tokenizer(tokenizer).padding
        marks, padding = row["input_ids"], -1 if pad is None else pad
    count = 0
    while count + 1 < len(marks) and int(marks[len(marks) - 1 - count]) == padding:
        count += 1
    return count


def keep_lists(examples: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """Collate for the step API, which takes a list of prompts of different length."""
    return {column: [example[column] for example in examples] for column in examples[0]}


@contextmanager
def padding_side(tokenizer: Any, side: str) -> Iterator[None]:
    """Let ``tokenizer`` pad on that side inside."""
    before = getattr(tokenizer, "padding_side", side)
    tokenizer.padding_side = side
    try:
        yield
    finally:
        tokenizer.padding_side = before


def without_padding(tokenizer: Any, batch: Mapping[str, list[Any]]) -> list[Any]:
    """A batch's prompts as 1-D tensors, the padding that its rows carry taken off either end.

    Padding is what the attention mask, where there is one, leaves out; else pad tokens, unless pad is EOS: then
    padding cannot be told from an end of text and stays.
    """
    torch = import_or_explain("torch")
    queries = [torch.as_tensor(query) for query in batch["input_ids"]]
    pad = classify_tokenizer(tokenizer).padding
    if "attention_mask" in batch:
        real = [torch.as_tensor(mask).bool() for mask in batch["attention_mask"]]
    elif pad is None:
        return queries
    else:
        real = [query != pad for query in queries]
    trimmed = []
    for query, mask in zip(queries, real, strict=True):
        kept = torch.nonzero(mask).flatten()
        trimmed.append(query[kept[0] : kept[-1] + 1] if len(kept) else query)
    return trimmed
