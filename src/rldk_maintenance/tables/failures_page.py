"""docs/failures.md: the catalogue, and the releases on which each failure was reproduced, detected and fixed."""

from __future__ import annotations

import re

from rldk.integrations.trl.advice.failures import Failure, failures
from rldk.integrations.trl.advice.symptoms import SYMPTOMS, Symptom
from rldk_maintenance.markdown import code, table
from rldk_maintenance.tables.data import DECLARED_THERE, Measured
from rldk_maintenance.tables.markdown import MADE, source_line, where_seen
from rldk_trl.commands.explain import where

_SEEN = {
    DECLARED_THERE: "happens, according to the catalogue",
    "reproduced": "reproduced with TRL alone",
    "found": "detected before training",
    "fixed": "fixed",
    "absent": "tried, not reproduced",
    "quiet": "checked, nothing detected",
}
_NAMES = 6
_ESCAPED = 0xE000  # where Unicode has characters for private use
_GROUP = re.compile(r"\((?P<kind>\?(?:[:=!]|<[=!]))?(?P<inner>[^()]*)\)")
_INTRO = """# Failures that PPO users meet

{made}

{count} entries, and {advice} of advice only. In each cell of the matrix, tests reproduce the failures that happen
there, with TRL's own classes. They also check that `validate_ppo_setup`, `create_ppo_config` or
`check_trl_compatibility` detects a failure before training, and that the library fixes it, if that is possible.
To look up an error, a traceback or the output of pytest, run

```sh
python -m rldk_trl explain "'NoneType' object has no attribute 'base_model_prefix'"
python -m rldk_trl explain --list
pytest 2>&1 | python -m rldk_trl explain
python -m rldk_trl explain --symptom negative-kl
```

The text may be as people paste it: without the exception's name or a quote, with prefixes of ranks, with colours. A
message that other programs raise too is explained as "possible", unless the text names TRL or PPO.

With the plugin, pytest shows the same advice for a test that fails with one of these failures.

{source}

## All failures

{totals}

{lanes}. `-`: no test reported it. *user*: only the user can fix it.

{summary}

## Each failure
"""

_REPORTED = """## Advice only

Users reported these failures, but no test of this project reproduces them: they need several processes, a GPU, or
packages of another time. What is said here comes from the reports and from reading TRL's wheels. The page's figures
leave them out.
"""
_SYMPTOMS = """## Symptoms without an exception

What to check when training runs, but something is wrong: the most likely cause first, with its source.
`python -m rldk_trl explain --symptom NAME` prints the same.
"""
_ON_PROCESSES = """## On several processes

These need several processes. The cells of the matrix's world `ddp` reproduce each on two processes on CPU, and train
the same with the library (`tests/world/test_failures.py`, `test_saves.py` and `test_training_parts.py`). The table and
the figures above leave them out.
"""
_SHOWN = [entry for entry in failures() if entry.in_every_cell]
_IN_WORLDS = [entry for entry in failures() if entry.world is not None]


def render(measured: Measured) -> str:
    """Return the page. The same data and catalogue give the same text."""
    parts = [
        _INTRO.format(
            made=MADE,
            count=len(_SHOWN),
            advice=len(failures()) - len(_SHOWN) - len(_IN_WORLDS),
            source=source_line(measured),
            totals=_totals(measured),
            lanes="Each figure is a number of releases: " + " / ".join(f"lane {lane}" for lane in measured.lanes),
            summary=_summary(measured),
        )
    ]
    parts += [_entry(entry, measured) for entry in _SHOWN]
    parts += [_ON_PROCESSES, *(_entry(entry, measured) for entry in _IN_WORLDS)]
    parts += [_REPORTED, *(_entry(entry, measured) for entry in failures() if entry.advice_only)]
    parts += [_SYMPTOMS, *map(_symptom, SYMPTOMS)]
    return "\n".join(parts)


def plain_messages(entry: Failure) -> list[str]:
    """Return an entry's messages for a reader: its regular expression without the signs that only a program needs."""
    # Escaped characters stand for themselves, so they are put aside while the rest is read.
    text = re.sub(r"\\(\W)", lambda found: chr(_ESCAPED + ord(found[1])), entry.message)
    text = re.sub(r"(?:\.|\\[wWsSdD]|\[\^?[^\]]*\])(?:[*+?]|\{[\d,]+\})\??", "...", text.replace(r"\b", ""))
    while (plain := _GROUP.sub(_read_group, text)) != text:
        text = plain
    return [re.sub(r"[\ue000-\uefff]", lambda found: chr(ord(found[0]) - _ESCAPED), one) for one in _split(text)]


def _read_group(found: re.Match[str]) -> str:
    if found["kind"] in ("?=", "?!", "?<=", "?<!"):
        return ""
    names = found["inner"].split("|")
    inner = "|".join(names if len(names) <= _NAMES else [*names[: _NAMES - 1], "..."])
    # Brackets that stay are written as escaped characters, so that they are not read again.
    return "".join(chr(_ESCAPED + ord(sign)) if sign in "(|)" else sign for sign in f"({inner})")


def _split(text: str) -> list[str]:
    return [one.strip() for one in text.removeprefix("^").removesuffix("$").split("|")]


def _summary(measured: Measured) -> str:
    rows = []
    for entry in _SHOWN:
        figures = [_figure(measured, entry.id, saw) for saw in (DECLARED_THERE, "reproduced", "found", "fixed")]
        if entry.fixed_by is None and figures[-1] == "-":
            figures[-1] = "user"
        rows.append([f"[{entry.id}](#{entry.id})", where(entry), *figures])
    return table(["failure", "where", "happens", "reproduced", "detected before training", "fixed"], rows)


def _totals(measured: Measured) -> str:
    words = {"reproduced": "were reproduced", "found": "were detected before training", "fixed": "were fixed"}
    said = []
    for saw, word in words.items():
        seen = [e for e in _SHOWN if any(measured.seen("failures", e.id, saw, lane) for lane in measured.lanes)]
        said.append(f"{len(seen)} {word}")
    return f"Of {len(_SHOWN)} entries, {', '.join(said)}, each on at least one release."


def _figure(measured: Measured, entry: str, saw: str) -> str:
    counts = [len(measured.seen("failures", entry, saw, lane)) for lane in measured.lanes]
    return " / ".join(map(str, counts)) if any(counts) else "-"


def _entry(entry: Failure, measured: Measured) -> str:
    rows = []
    for saw, said in _SEEN.items():
        lanes = where_seen(measured, "failures", entry.id, saw)
        if set(lanes) != {"-"}:
            rows.append([said, *lanes])
    link = f"[{entry.reference}]({entry.link})" if entry.link.startswith("https://") else entry.link
    by = f" Fixed by `{entry.fixed_by}`." if entry.fixed_by is not None else ""
    lines = [
        f"### {entry.id}",
        "",
        " or ".join(map(code, plain_messages(entry))),
        "",
        f"{where(entry)}. {_sentence(entry.cause)} What to do: {entry.advice}.{by} More: {link}.",
        "",
    ]
    return "\n".join([*lines, *([table(["", *measured.lanes], rows), ""] if rows else [])])


def _symptom(symptom: Symptom) -> str:
    checks = [f"{number}. {_sentence(one.look)} ({one.source})" for number, one in enumerate(symptom.checks, start=1)]
    return "\n".join([f"### {symptom.name}", "", _sentence(symptom.seen), "", *checks, ""])


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
