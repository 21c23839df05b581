"""The pages that are made from what cells have seen."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from rldk.integrations.trl.advice.failures import failures
from rldk.integrations.trl.advice.symptoms import SYMPTOMS
from rldk_maintenance.tables import command, data
from rldk_maintenance.tables.failures_page import plain_messages
from rldk_trl.runner.dependencies import reachable_files

ROOT = Path(__file__).parents[2]
ENTRY = "wrapper-without-generation-config"


def test_writing_data_and_pages_makes_no_result_stale():
    """Else a run of all cells would make itself stale: the tables are none of a cell's inputs."""
    reached = reachable_files(ROOT / "src", [ROOT / "tests/cell"])
    assert ROOT / "src/rldk_trl/plugin/advice.py" in reached
    assert not [path for path in reached if path.parent.name in ("tables", "docs") or path.suffix != ".py"]
    noxfile = (ROOT / "noxfile.py").read_text(encoding="utf-8")
    sources = '"pyproject.toml", "examples", "src/rldk_maintenance/contract/releases.json"'
    assert f"sources=[{sources}]" in noxfile


@pytest.mark.parametrize(
    "name", ["docs/failures.md", "docs/measured.md", "src/rldk/integrations/trl/config/defaults.json"]
)
def test_what_is_made_is_what_the_data_say(name):
    """These files are never edited: `python -m rldk_maintenance tables --docs` makes them anew."""
    assert (ROOT / name).read_text(encoding="utf-8") == command.made(data.load(data.DATA_FILE))[name]


ORDER = ("0.2.0", "0.9.6", "0.10.1", "1.0.0rc1", "1.0.0", "1.16.0")
PERIOD, TODAY = "period", "today"
MEASURED = data.Measured(
    releases=ORDER,
    no_ppo=frozenset({"1.16.0"}),
    lanes={PERIOD: frozenset(ORDER), TODAY: frozenset(ORDER[3:])},
    cells=(12, 9),
    finished="2026-11-20",
    tables={
        "failures": {
            ENTRY: {
                "declared": {PERIOD: frozenset(ORDER[1:5]), TODAY: frozenset(ORDER[3:5])},
                "reproduced": {PERIOD: frozenset(ORDER[1:4])},
            }
        },
        "ablation": {
            "score | `x`": {"needed": {PERIOD: frozenset({"0.9.6"})}, "not needed": {TODAY: frozenset({"1.0.0"})}},
            "prefix": {"not needed": {PERIOD: frozenset(ORDER[1:3])}},
        },
        "features": {
            "LoRA": {
                "works": {PERIOD: frozenset({"0.9.6", "1.0.0rc1", "1.0.0"})},
                "refused": {PERIOD: frozenset({"0.2.0"}), TODAY: frozenset({"1.0.0"})},
            },
            "option gamma": {"works": {PERIOD: frozenset(ORDER[:5]), TODAY: frozenset(ORDER[3:5])}},
        },
        "families": {
            "Qwen3": {
                "works": {PERIOD: frozenset({"1.0.0rc1", "1.0.0"}), TODAY: frozenset(ORDER[3:5])},
                "absent": {PERIOD: frozenset(ORDER[:2])},
            },
            "Gemma 3": {"KL is wrong": {PERIOD: frozenset({"0.10.1"})}, "refused": {PERIOD: frozenset({"1.0.0"})}},
            "tokenizer: no pad token": {"works": {PERIOD: frozenset(ORDER[:5]), TODAY: frozenset(ORDER[3:5])}},
        },
        "defaults": {
            "learning_rate": {"1e-05": {PERIOD: frozenset(ORDER[:2])}, "3e-06": {PERIOD: frozenset(ORDER[3:5])}},
            "kl": {"'a | b'": {PERIOD: frozenset(ORDER[:2])}, "'c'": {PERIOD: frozenset(ORDER[1:5])}},
            "same": {"1": {PERIOD: frozenset(ORDER[1:])}},
        },
    },
)


def test_the_page_of_what_was_measured():
    page = command.made(MEASURED)["docs/measured.md"]
    rows = [line for line in page.splitlines() if line.startswith("| ")]
    assert rows == [
        "| feature | result | period | today |",
        "| --- | --- | --- | --- |",
        "| LoRA | works | 0.9.6, 1.0.0rc1-1.0.0 (3) | - |",
        "| LoRA | unsupported | 0.2.0 (1) | 1.0.0 (1) |",
        "| LoRA | not tested | 0.10.1 (1) | 1.0.0rc1 (1) |",
        "| (all releases with PPO) |  | 0.2.0-1.0.0 (5) | 1.0.0rc1-1.0.0 (2) |",
        "| family | result | period | today |",
        "| --- | --- | --- | --- |",
        "| Qwen3 | works | 1.0.0rc1-1.0.0 (2) | 1.0.0rc1-1.0.0 (2) |",
        "| Qwen3 | not in transformers | 0.2.0-0.9.6 (2) | - |",
        "| Qwen3 | not tested | 0.10.1 (1) | - |",
        "| Gemma 3 | KL is wrong | 0.10.1 (1) | - |",
        "| Gemma 3 | unsupported | 1.0.0 (1) | - |",
        "| Gemma 3 | not tested | 0.2.0-0.9.6, 1.0.0rc1 (3) | 1.0.0rc1-1.0.0 (2) |",
        "| (all releases with PPO) |  | 0.2.0-1.0.0 (5) | 1.0.0rc1-1.0.0 (2) |",
        "| tokenizer | result | period | today |",
        "| --- | --- | --- | --- |",
        "| no pad token | works | 0.2.0-1.0.0 (5) | 1.0.0rc1-1.0.0 (2) |",
        "| (all releases with PPO) |  | 0.2.0-1.0.0 (5) | 1.0.0rc1-1.0.0 (2) |",
        "| option | result | period | today |",
        "| --- | --- | --- | --- |",
        "| `gamma` | works | 0.2.0-1.0.0 (5) | 1.0.0rc1-1.0.0 (2) |",
        "| (all releases with PPO) |  | 0.2.0-1.0.0 (5) | 1.0.0rc1-1.0.0 (2) |",
        "| attribute | needed, period | needed, today | not needed, period | not needed, today |",
        "| --- | --- | --- | --- | --- |",
        "| `` score \\| `x` `` | 0.9.6 (1) | - | - | 1.0.0 (1) |",
        "| attribute | not needed, period | not needed, today |",
        "| --- | --- | --- |",
        "| `prefix` | 0.9.6-0.10.1 (2) | - |",
        "| option | release: default since then |",
        "| --- | --- |",
        "| `learning_rate` | 0.2.0: `1e-05`; 0.10.1: (none); 1.0.0rc1: `3e-06`; 1.16.0: (none) |",
        "| `kl` | 0.2.0: `'a \\| b'`; 0.9.6: `'a \\| b'` or `'c'`; 0.10.1: `'c'`; 1.16.0: (none) |",
    ]
    assert "only 9 of 12 cells of [the matrix](matrix.md); the newest is from 2026-11-20" in page
    assert "by lane: period 6, today 3." in page


def test_the_page_of_failures():
    page = command.made(MEASURED)["docs/failures.md"]
    assert f"| [{ENTRY}](#{ENTRY}) | TRL >=0.9.2,<1.13 | 4 / 2 | 3 / 0 | - | - |" in page.splitlines()
    shown = [entry for entry in failures() if entry.in_every_cell]
    assert f"Of {len(shown)} entries, 1 were reproduced, 0 were detected before training, 0 were fixed," in page
    (block,) = re.findall(rf"^### {ENTRY}\n(.*?)^###", page, re.MULTILINE | re.DOTALL)
    assert "`'...WithValueHead' object has no attribute 'generation_config'`" in block
    assert "| happens, according to the catalogue | 0.9.6-1.0.0 (4) | 1.0.0rc1-1.0.0 (2) |" in block
    assert "| reproduced with TRL alone | 0.9.6-1.0.0rc1 (3) | - |" in block
    assert "](https://github.com/huggingface/trl/issues/" in block
    entries, _, rest = page.partition("\n## On several processes\n")
    in_worlds, _, rest = rest.partition("\n## Advice only\n")
    reported, _, symptoms = rest.partition("\n## Symptoms without an exception\n")
    for entry in failures():
        assert f"### {entry.id}\n" in (reported if entry.advice_only else in_worlds if entry.world else entries)
    assert "DeepSpeed" not in entries
    assert all(f"### {one.name}\n" in symptoms for one in SYMPTOMS)


@pytest.mark.parametrize("entry", failures(), ids=lambda entry: entry.id)
def test_messages_are_shown_without_the_signs_of_regular_expressions(entry):
    for shown in plain_messages(entry):
        assert shown.strip(" .")
        assert not re.search(r"\\|\(\?|\[\^|[.\w)]\*|\w\+|[\ue000-\uefff]", shown), shown


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        (r"'(?!NoneType)\w+' object has no attribute 'x_y'", ["'...' object has no attribute 'x_y'"]),
        (r"no '(a|b|c|d|e|f|g)'", ["no '(a|b|c|d|e|...)'"]),
        (r"\bf\(\) got an? .*?\[a\|b\]", ["f() got an? ...[a|b]"]),
        (
            r"No module 'a\.b'|cannot import '(?:PPO(?:Trainer|Config)|A\w+H)' from 'a'",
            ["No module 'a.b'", "cannot import '(PPO(Trainer|Config)|A...H)' from 'a'"],
        ),
    ],
)
def test_a_message_as_people_read_it(message, shown):
    assert plain_messages(dataclasses.replace(failures()[0], message=message)) == shown
