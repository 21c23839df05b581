"""docs/measured.md: what works on which releases, the parts of the fix that each needs, and defaults that changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby

from rldk_maintenance.markdown import code, table
from rldk_maintenance.tables.data import Measured
from rldk_maintenance.tables.defaults import defaults_seen
from rldk_maintenance.tables.markdown import MADE, source_line, where_seen
from rldk_maintenance.tables.spans import counted

_NONE = "(none)"
_OPTION = "option "
_TOKENIZER = "tokenizer: "
# What a test saw -> how the page calls it.
_SHOWN = {
    "works": "works",
    "KL is wrong": "KL is wrong",
    "refused": "unsupported",
    "absent": "not in transformers",
}
_PAGE = """# What was measured

{made}

{source}

## Features

Measured with the tiny model on every release with PPO. *works*: a test passed. *unsupported*: the library reports in
one line that the release does not support it. *not tested*: no test ran.

{features}

## Families of models

Tiny models with random weights, made from a config of each family, train through `create_ppo_trainer` and `run_ppo`
(`tests/cell/test_architectures.py`, `test_families.py`). *KL is wrong*: it is not 0 before the first update, because
with the installed transformers the model generates with other logits than its forward pass computes. *not in
transformers*: the installed transformers does not have the family.

{families}

## Tokenizers

Each kind of tokenizer trains the tiny GPT-2.

{tokenizers}

## Options of `create_ppo_config`

*works*: the option had its effect in the release's own trainer. `create_ppo_config` may also accept options that are
not in the table. For these the tests only read the config.

{options}

## What the fix sets

The attributes that the fix sets on a model. *needed*: a run on these releases fails without the attribute. *not
needed*: a run on these releases succeeds without it.

{needed}

No release needs the following attributes in these roles. An attribute that no role needs is set only for
compatibility.

{not_needed}

## Defaults that changed silently

TRL's own `PPOConfig`, built on each release with its defaults (lane period). The table shows the options that changed
their default. Each default is valid from the named release on. `{none}`: the config does not have the option.

{defaults}

To list these and all other changes for PPO code between two releases, run

```sh
python -m rldk_trl changes 0.11.4 0.29.0
```
"""


def render(measured: Measured) -> str:
    """Return the page. The same data give the same text."""
    entries, ablation = list(measured.tables["features"]), measured.tables["ablation"]
    families = list(measured.tables["families"])
    return _PAGE.format(
        made=MADE,
        source=source_line(measured),
        features=_results(
            measured, "features", "feature", [entry for entry in entries if not entry.startswith(_OPTION)]
        ),
        families=_results(
            measured, "families", "family", [entry for entry in families if not entry.startswith(_TOKENIZER)]
        ),
        tokenizers=_results(
            measured,
            "families",
            "tokenizer",
            [entry for entry in families if entry.startswith(_TOKENIZER)],
            lambda entry: entry.removeprefix(_TOKENIZER),
        ),
        options=_results(
            measured,
            "features",
            "option",
            [entry for entry in entries if entry.startswith(_OPTION)],
            lambda entry: code(entry.removeprefix(_OPTION)),
        ),
        needed=_ablation(measured, [entry for entry, by_saw in ablation.items() if "needed" in by_saw]),
        not_needed=_ablation(measured, [entry for entry, by_saw in ablation.items() if "needed" not in by_saw]),
        defaults=_defaults(measured),
        none=_NONE,
    )


def _results(measured: Measured, name: str, of: str, entries: Iterable[str], shown: Callable[[str], str] = str) -> str:
    """Return a table with a row for each entry and result. ``of``: what an entry is. ``shown``: how to call it."""
    lanes = list(measured.lanes)
    rows = []
    for entry in entries:
        by_saw = measured.tables[name][entry]
        for saw, result in _SHOWN.items():
            if saw in by_saw:
                rows.append([shown(entry), result, *where_seen(measured, name, entry, saw)])
        silent = [
            measured.ppo(lane) - frozenset().union(*(by_saw[saw].get(lane, frozenset()) for saw in by_saw))
            for lane in lanes
        ]
        if any(silent):
            rows.append([shown(entry), "not tested", *(counted(found, measured.releases) for found in silent)])
    rows.append(["(all releases with PPO)", "", *(counted(measured.ppo(lane), measured.releases) for lane in lanes)])
    return table([of, "result", *lanes], rows)


def _ablation(measured: Measured, entries: Sequence[str]) -> str:
    seen = [saw for saw in ("needed", "not needed") if any(saw in measured.tables["ablation"][e] for e in entries)]
    rows = [
        [_attribute(entry), *(cell for saw in seen for cell in where_seen(measured, "ablation", entry, saw))]
        for entry in entries
    ]
    return table(["attribute", *(f"{saw}, {lane}" for saw in seen for lane in measured.lanes)], rows)


def _attribute(entry: str) -> str:
    name, bracket, role = entry.partition(" (")
    return code(name) + bracket + role


def _defaults(measured: Measured) -> str:
    rows = []
    for option, seen in defaults_seen(measured).items():
        # Two tests that build the config in different ways may see two defaults.
        shown = {release: " or ".join(map(code, found)) or _NONE for release, found in seen.items()}
        steps = [(value, next(group)) for value, group in groupby(shown, shown.__getitem__)]
        if len({value for value, _ in steps} - {_NONE}) > 1:
            rows.append([code(option), "; ".join(f"{release}: {value}" for value, release in steps)])
    return table(["option", "release: default since then"], rows)
