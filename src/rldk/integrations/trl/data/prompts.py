"""Convert the prompts that PPO trains on to the form that TRL's collators take."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rldk.integrations.trl.models.tokenizers import classify_tokenizer
from rldk.integrations.trl.releases.importing import import_or_explain

MODEL_COLUMNS = ("input_ids", "attention_mask")
LOOKED_AT = 1000
"""How many rows are read where each one is read in Python."""


def as_prompts(
    dataset: Any,
    tokenizer: Any,
    part: str = "train_dataset",
    others: Callable[[Collection[str]], Collection[str]] = lambda _: (),
) -> Any:
    """Return the dataset in the form that TRL's collators take. A dataset in that form is returned unchanged.

    Columns other than ``input_ids`` and ``attention_mask`` are dropped, because the collator fails on strings (``too
    many dimensions 'str'``, huggingface/trl#2340), except for those that ``others`` chooses. A list of dicts becomes a
    dataset. Padding at the end of a row is removed, because the response continues the prompt there. In a
    ``datasets.Dataset`` only the first rows are searched for padding. A streaming dataset is returned unchanged;
    `validate_ppo_setup` reports it.

    Args:
        dataset: A ``datasets.Dataset``, a map-style ``torch.utils.data.Dataset`` of dicts, or a list of dicts.
        tokenizer: Its pad token marks padding in rows without an attention mask.
        part: The name of the dataset in messages.
        others: Chooses from the names of all columns those to keep besides the prompts.

    Raises:
        TypeError: The dataset contains texts or several splits. The message says what to pass instead.
        ValueError: Its rows have no ``input_ids``.
    """
    error = not_prompts(dataset, part)
    if error is not None:
        raise error
    if not hasattr(dataset, "__getitem__") or not hasattr(dataset, "__len__") or len(dataset) == 0:
        return dataset
    kept = [name for name in others(dataset[0]) if name not in MODEL_COLUMNS]
    if kept or not hasattr(dataset, "remove_columns"):
        return _rows(dataset, tokenizer, kept)
    if any(_end(dataset[number], tokenizer) for number in range(min(len(dataset), LOOKED_AT))):
        return _rows(dataset, tokenizer, kept)
    extra = [column for column in dataset.column_names if column not in MODEL_COLUMNS]
    return dataset.remove_columns(extra) if extra else dataset


def not_prompts(dataset: Any, part: str) -> TypeError | ValueError | None:
    """Return why a dataset does not contain tokenized prompts, or None if it does. Only the first row is read."""
    if isinstance(dataset, Mapping):
        if "input_ids" in dataset:
            return TypeError(
                f"{part} is a {type(dataset).__name__}, a table of all prompts and not a list of rows: "
                f"pass Dataset.from_dict(dict({part}))"
            )
        splits = ", ".join(map(str, dataset))  # datasets.DatasetDict is a dict
        return TypeError(f"{part} is a {type(dataset).__name__} of several splits ({splits}): pass one of them")
    if not hasattr(dataset, "__getitem__") or not hasattr(dataset, "__len__") or len(dataset) == 0:
        return None
    first = dataset[0]
    if not isinstance(first, Mapping):
        return TypeError(
            f"{part} contains {type(first).__name__} instead of dicts with input_ids: "
            f"tokenize the prompts first, [tokenizer(prompt) for prompt in prompts]"
        )
    if "input_ids" not in first:
        had = ", ".join(map(str, first))
        return ValueError(f"{part} has no column input_ids (it has {had}): tokenize the prompts first")
    return None


def is_for_own_loop(dataset: Any) -> bool:
    """Whether only a program with a loop of its own can use a dataset, as in TRL's own tests. `run_ppo` cannot.

    It has tuples, or token ids in a column ``query``, which TRL's step API keeps.
    """
    if not_prompts(dataset, "train_dataset") is None or isinstance(dataset, Mapping | list):
        return False
    first = dataset[0]
    return not isinstance(first.get("query", "") if isinstance(first, Mapping) else first, str)


def _rows(dataset: Any, tokenizer: Any, others: Collection[str]) -> Any:
    """Return a dataset that converts each row of ``dataset`` when it is read."""

    class Prompts(import_or_explain("torch").utils.data.Dataset):  # type: ignore[misc]  # the step API requires it
        def __len__(self) -> int:
            return len(dataset)

        def __getitem__(self, number: int) -> dict[str, Any]:
            row = dataset[number]
            kept = len(row["input_ids"]) - _end(row, tokenizer)
            prompt = {column: row[column][:kept] for column in MODEL_COLUMNS if column in row}
            return prompt | {column: row[column] for column in others}

    return Prompts()


def _end(row: Mapping[str, Any], tokenizer: Any) -> int:
    """Return how many padding tokens are at the end of the row. The first token never counts as padding."""
    if row["input_ids"] is None:
        return 0  # `validate_ppo_setup` reports it
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
    """Collate for the step API, which takes a list of prompts of different lengths."""
    return {column: [example[column] for example in examples] for column in examples[0]}


@contextmanager
def padding_side(tokenizer: Any, side: str) -> Iterator[None]:
    """Within the context, let ``tokenizer`` pad on ``side``."""
    before = getattr(tokenizer, "padding_side", side)
    tokenizer.padding_side = side
    try:
        yield
    finally:
        tokenizer.padding_side = before


def without_padding(tokenizer: Any, batch: Mapping[str, list[Any]]) -> list[Any]:
    """Return the prompts of a batch as 1-D tensors, without padding at either end.

    The attention mask says what is padding. Without a mask, pad tokens are padding. If the pad token is EOS, padding
    looks like an end of text, so it is kept.
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
