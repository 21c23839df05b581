"""``docs/failures.md``, ``docs/measured.md`` and the library's ``defaults.json``, made from what the cells saw."""
