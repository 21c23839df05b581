"""The pages ``docs/failures.md`` and ``docs/measured.md``, made from what the cells saw."""
