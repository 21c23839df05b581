"""Read from a dataset of prompts how long they are and which token ids they have, without changing it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rldk.integrations.trl.data.prompts import LOOKED_AT
from rldk.integrations.trl.releases.importing import import_or_explain

_ROWS_AT_A_TIME = 10_000


@dataclass(frozen=True)
class TokenIds:
    """What the column ``input_ids`` contains."""

    longest: int = 0
    """The number of tokens in the longest prompt."""
    lowest: int = 0
    highest: int = 0
    problem: str | None = None
    """Why the column is not one flat list of token ids per row; None if it is."""

    def joined(self, other: TokenIds) -> TokenIds:
        """Return what both parts of a column contain together."""
        return TokenIds(
            max(self.longest, other.longest),
            min(self.lowest, other.lowest),
            max(self.highest, other.highest),
            self.problem or other.problem,
        )


def first_rows(dataset: Any) -> Iterator[Any]:
    """Return the first rows, at most 1000 of them."""
    return (dataset[number] for number in range(min(len(dataset), LOOKED_AT)))


def token_ids_of(dataset: Any) -> TokenIds:
    """Read the column ``input_ids``: all of a ``datasets.Dataset`` with Arrow, otherwise only the first rows.

    Rows that were shuffled or selected are found one by one (15 s for a million), so only the first 10,000 are read.
    """
    found = TokenIds()
    if hasattr(dataset, "with_format") and getattr(dataset, "format", {}).get("type") != "custom":
        column = dataset.with_format("arrow", columns=["input_ids"])
        arrow = import_or_explain("pyarrow")
        kind = column[:1].column("input_ids").type
        flat = arrow.types.is_list(kind) or arrow.types.is_large_list(kind)
        if flat and arrow.types.is_integer(kind.value_type):
            rows = len(dataset) if getattr(dataset, "_indices", None) is None else min(len(dataset), _ROWS_AT_A_TIME)
            for start in range(0, rows, _ROWS_AT_A_TIME):
                part = column[start : start + _ROWS_AT_A_TIME].column("input_ids")
                found = found.joined(_in_arrow(part, start))
            return found
    for number, row in enumerate(first_rows(dataset)):
        if isinstance(row, Mapping) and "input_ids" in row:
            found = found.joined(_in_row(row["input_ids"], number))
    return found


def _in_arrow(column: Any, start: int) -> TokenIds:
    compute = import_or_explain("pyarrow.compute")
    lengths = compute.fill_null(compute.list_value_length(column), 0)
    ids = compute.min_max(compute.list_flatten(column)).as_py()
    empty = compute.index(lengths, 0).as_py()
    problem = None if empty < 0 else _no_tokens(start + empty)
    return TokenIds(compute.max(lengths).as_py(), ids["min"] or 0, ids["max"] or 0, problem)


def _in_row(ids: Any, number: int) -> TokenIds:
    numpy = import_or_explain("numpy")
    try:
        row = numpy.asarray(ids)
    except ValueError:  # lists of different lengths
        row = numpy.asarray(None)
    if ids is None or row.size == 0:
        return TokenIds(problem=_no_tokens(number))
    if row.ndim != 1:
        shape = f"the shape {tuple(row.shape)}" if row.ndim else f"a {type(ids).__name__}"
        return TokenIds(problem=f"has {shape} in row {number}, not one flat list of token ids: pass input_ids[0]")
    if row.dtype.kind not in "iu":
        return TokenIds(problem=f"has {type(ids[0]).__name__} in row {number}, not token ids: tokenize the prompts")
    return TokenIds(len(row), int(row.min()), int(row.max()))


def _no_tokens(number: int) -> str:
    return f"has no tokens in row {number}: leave empty prompts out"
