"""Sets of releases as spans over the matrix's rows: ``0.12.0-1.12.0, 1.14.0``."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import groupby


def spans(chosen: Collection[str], order: Sequence[str]) -> str:
    """Return the releases as spans of consecutive rows. Both ends belong to a span."""
    return ", ".join(_spans(chosen, order))


def releases_of(text: str, order: Sequence[str]) -> frozenset[str]:
    """Return the releases in a text that `spans` has written.

    Raises:
        ValueError: a span's end is not a row.
    """
    found: set[str] = set()
    for span in filter(None, text.split(", ")):
        first, _, last = span.partition("-")
        found.update(order[order.index(first) : order.index(last or first) + 1])
    return frozenset(found)


def counted(chosen: Collection[str], order: Sequence[str]) -> str:
    """Return the spans and the number of releases, for readers; ``-`` if there are none."""
    return f"{spans(chosen, order)} ({len(chosen)})" if chosen else "-"


def _spans(chosen: Collection[str], order: Sequence[str]) -> Iterator[str]:
    unknown = set(chosen) - set(order)
    if unknown:
        raise ValueError(f"not a row of the matrix: {', '.join(sorted(unknown))}")
    for inside, group in groupby(order, lambda release: release in chosen):
        if inside:
            first, *rest = group
            yield f"{first}-{rest[-1]}" if rest else first
