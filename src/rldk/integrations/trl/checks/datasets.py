"""Check the datasets of a PPO setup for what will fail with the installed TRL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rldk.integrations.trl.checks.config import batch_size
from rldk.integrations.trl.checks.setup import CheckedSetup, Finding, vocabulary_size
from rldk.integrations.trl.data.prompts import is_for_own_loop, not_prompts
from rldk.integrations.trl.data.token_ids import first_rows, token_ids_of
from rldk.integrations.trl.releases.importing import import_or_explain
from rldk.integrations.trl.releases.main_process import on_each, process_count
from rldk.integrations.trl.rewards.by_name import missing_columns

# The collator pads these, so their rows may have different lengths.
_PADDED = frozenset({"input_ids", "attention_mask", "token_type_ids", "special_tokens_mask"})


def check_train_dataset(setup: CheckedSetup) -> Iterator[Finding]:
    """Check that the prompts are tokenized, that the policy knows their tokens, and that they fill one batch."""
    dataset = setup.train_dataset
    if dataset is None:
        if setup.is_train and setup.has_its_config:
            yield Finding("issue", f"train_dataset is None, and {setup.trl} needs one: pass tokenized prompts")
        return
    own_loop = not setup.is_train and is_for_own_loop(dataset)
    found = [] if own_loop else list(_prompts(setup, dataset, "train_dataset"))
    yield from found
    if any(finding.level == "issue" for finding in found) or not hasattr(dataset, "__len__"):
        return
    batch, processes = batch_size(setup), process_count()
    if batch is not None and len(dataset) < batch * processes:
        # The train API drops the incomplete batch and waits for the next one forever. Another loop may not.
        yield Finding(
            "warning" if own_loop else "issue",
            f"train_dataset has {len(dataset)} prompts, fewer than one batch of {batch}{on_each(processes)}, "
            f"so training would never start: use more prompts or a smaller batch",
            "dataset-smaller-than-a-batch" if setup.is_train else None,
        )


def check_eval_dataset(setup: CheckedSetup) -> Iterator[Finding]:
    """Check that sample completions can be generated for ``eval_dataset``. The step API does not take one."""
    dataset = setup.eval_dataset
    if dataset is None:
        return
    if not setup.is_train:
        yield Finding("warning", f"eval_dataset is not used by the step API of {setup.trl}: leave it out")
        return
    yield from _prompts(setup, dataset, "eval_dataset")


def _prompts(setup: CheckedSetup, dataset: Any, part: str) -> Iterator[Finding]:
    error = not_prompts(dataset, part)
    if error is not None:
        is_text = isinstance(error, ValueError) and setup.is_train
        yield Finding("issue", str(error), "prompts-not-tokenized" if is_text else None)
        return
    if not hasattr(dataset, "__len__"):
        yield Finding(
            "issue",
            f"{part} ({type(dataset).__name__}) is a streaming dataset without a length, which {setup.trl} "
            f"needs (huggingface/trl#350): take as many prompts as the run needs, "
            f"Dataset.from_list(list(stream.take(n)))",
            "streaming-dataset" if part == "train_dataset" else None,
        )
        return
    if len(dataset) == 0:
        yield Finding("issue", f"{part} is empty: pass a dataset with prompts")
        return
    yield from _asked_columns(setup, dataset, part)
    if setup.is_train:
        yield from _other_columns(setup, dataset, part)
    elif not hasattr(dataset, "column_names") and not isinstance(
        dataset, import_or_explain("torch").utils.data.Dataset
    ):
        yield Finding(
            "issue",
            f"{part} is a {type(dataset).__name__}, but {setup.trl} takes only a datasets.Dataset or a torch Dataset: "
            f"pass it to create_ppo_trainer, which converts it",
        )
    yield from _token_ids(setup, part)


def _token_ids(setup: CheckedSetup, part: str) -> Iterator[Finding]:
    ids = setup.train_ids if part == "train_dataset" else token_ids_of(setup.eval_dataset)
    rows = vocabulary_size(setup.policy)
    if ids.problem is not None:
        yield Finding("issue", f"{part}'s input_ids {ids.problem}")
        return
    wrong = ids.lowest if ids.lowest < 0 else ids.highest
    if wrong < 0 or (rows is not None and wrong >= rows):
        yield Finding(
            "issue",
            f"{part} has the token id {wrong}, but model has embeddings for the ids 0 to {(rows or 0) - 1}: tokenize "
            f"the prompts with the policy's tokenizer",
        )


def _other_columns(setup: CheckedSetup, dataset: Any, part: str) -> Iterator[Finding]:
    rows = [row for row in first_rows(dataset) if isinstance(row, Mapping)]
    # create_ppo_trainer keeps these out of TRL's collator.
    kept = _PADDED.union([] if setup.asked is None else setup.asked.columns(rows[0]))
    columns = {column: [row.get(column) for row in rows] for column in rows[0] if column not in kept}
    texts = [str(column) for column, values in columns.items() if isinstance(values[0], str)]
    if texts:
        yield Finding(
            "issue",
            f"{part} has string columns ({', '.join(texts)}), which TRL's collator cannot convert to tensors "
            f"(huggingface/trl#2340): keep only input_ids",
            "string-columns",
        )
    others = [str(column) for column, values in columns.items() if str(column) not in texts and not _is_tensor(values)]
    if others and batch_size(setup) != 1:
        yield Finding(
            "issue",
            f"{part} has columns ({', '.join(others)}) with None, dicts or lists of different lengths, which TRL's "
            f"collator cannot convert to tensors: keep only input_ids",
        )


def _asked_columns(setup: CheckedSetup, dataset: Any, part: str) -> Iterator[Finding]:
    missing = [] if setup.asked is None else setup.asked.missing(dataset[0])
    if missing:
        yield Finding("issue", f"reward_model {missing_columns(missing, dataset[0], part)}")


def _is_tensor(values: list[Any]) -> bool:
    """Whether the values of a column can be stacked into one array of numbers."""
    numpy = import_or_explain("numpy")
    try:
        return bool(numpy.asarray([numpy.asarray(value) for value in values]).dtype.kind in "biuf")
    except ValueError:  # lists of different lengths
        return False
