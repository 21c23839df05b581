"""``python -m rldk_trl explain`` and ``changes``, without TRL; what entries say is tested with the library."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from rldk.integrations.trl.advice.failures import failures
from rldk.integrations.trl.advice.symptoms import SYMPTOMS, symptom
from rldk_trl import cli

ROOT = Path(__file__).parents[2]
KNOWN = "'AutoModelForCausalLMWithValueHead' object has no attribute 'generation_config'"
ENTRY = "wrapper-without-generation-config"
TRACEBACK = f"""Traceback (most recent call last):
  File "train.py", line 3, in <module>
AttributeError: {KNOWN}
"""


@pytest.fixture
def stdin(monkeypatch):
    def give(content: bytes, *, terminal: bool = False) -> None:
        stream = io.TextIOWrapper(io.BytesIO(content))
        stream.isatty = lambda: terminal
        monkeypatch.setattr(sys, "stdin", stream)

    return give


def test_a_text(capsys):
    assert cli.main(["explain", KNOWN]) == 0
    name, *lines = capsys.readouterr().out.splitlines()
    assert name == ENTRY
    said = dict(line.strip().split(": ", 1) for line in lines)
    assert said.keys() == {"cause", "where", "do", "fixed by", "detected", "see"}
    assert "TRL is not installed here" in said["where"]
    assert "fix_generation_config" in said["do"]
    assert said["fixed by"].strip() == "rldk.integrations.trl.fix_generation_config"


@pytest.mark.parametrize(
    ("version", "said"), [("0.23.0", "; happens on 0.23.0"), ("0.8.6", "; NOT known to happen on 0.8.6")]
)
def test_another_release(capsys, version, said):
    assert cli.main(["explain", "--trl", version, *KNOWN.split()]) == 0
    assert said in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [[], ["-"]])
@pytest.mark.parametrize(
    "content",
    [
        TRACEBACK.encode(),
        TRACEBACK.encode() + "r\u00e9sum\u00e9".encode("latin-1"),
        f"\x1b[31mE   AttributeError: {KNOWN}\x1b[0m".encode(),
    ],
    ids=["plain", "not UTF-8", "coloured"],
)
def test_standard_input(capsys, stdin, arguments, content):
    stdin(content)
    assert cli.main(["explain", *arguments]) == 0
    assert capsys.readouterr().out.splitlines()[0] == ENTRY


def test_nothing_known(capsys):
    assert cli.main(["explain", "KeyError: 'x'"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert "explain: not in the catalogue" in err


@pytest.mark.parametrize(
    ("arguments", "content", "terminal", "said"),
    [
        ([], b"", False, "the text is empty"),
        (["-"], b" \n", False, "the text is empty"),
        ([""], b"", False, "the text is empty"),
        ([], b"", True, "no text; pass an error's text"),
        (["--trl", "new", KNOWN], b"", False, "--trl new: not a PEP 440 version"),
        (["--list", KNOWN], b"", False, "--list does not take a text"),
        (["--symptom", "cough"], b"", False, "--symptom cough: not known; the symptoms are negative-kl, "),
        (["--symptom", "hang", KNOWN], b"", False, "--symptom takes only a name"),
    ],
)
def test_usage(capsys, stdin, arguments, content, terminal, said):
    stdin(content, terminal=terminal)
    assert cli.main(["explain", *arguments]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert said in err


def test_json(capsys):
    assert cli.main(["explain", "--json", KNOWN]) == 0
    (entry,) = json.loads(capsys.readouterr().out)
    assert entry["id"] == ENTRY
    assert entry["happens"] is None
    assert cli.main(["explain", "--json", "--trl", "0.23.0", KNOWN]) == 0
    assert json.loads(capsys.readouterr().out)[0]["happens"] is True
    assert cli.main(["explain", "--json", "nothing"]) == 1
    assert json.loads(capsys.readouterr().out) == []


def test_list(capsys):
    assert cli.main(["explain", "--list"]) == 0
    assert [line.partition(":")[0] for line in capsys.readouterr().out.splitlines()] == [e.id for e in failures()]
    assert cli.main(["explain", "--list", "--trl", "0.8.6"]) == 0
    assert ENTRY not in capsys.readouterr().out


def test_the_release_in_the_text_counts(capsys):
    assert cli.main(["explain", f"trl==0.8.6 {KNOWN}"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("  cause:    not known to happen on TRL 0.8.6, only on ")
    assert "NOT known to happen on 0.8.6" in lines[2]


def test_advice_only_is_said(capsys):
    assert cli.main(["explain", "PPO: IndexError: pop from an empty deque"]) == 0
    assert capsys.readouterr().out.splitlines()[1] == (
        "  note:     reported by users; no test of this project reproduces it"
    )


def test_symptoms(capsys):
    assert cli.main(["explain", "--symptom"]) == 0
    assert [line.partition(":")[0] for line in capsys.readouterr().out.splitlines()] == [one.name for one in SYMPTOMS]
    assert cli.main(["explain", "--symptom", "negative-kl"]) == 0
    first, *checks = capsys.readouterr().out.splitlines()
    assert first.startswith("negative-kl: the KL is negative")
    assert checks[0].startswith("  1. sample from the whole distribution: do_sample=True")
    assert checks[0].endswith("(huggingface/trl#235)")
    assert cli.main(["explain", "--symptom", "hang", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["checks"][0].keys() == {"look", "source"}


@pytest.mark.parametrize("one", SYMPTOMS, ids=lambda one: one.name)
def test_each_check_of_a_symptom_is_one_line_with_a_source(one):
    for check in one.checks:
        assert "\n" not in check.look
        assert not check.look.endswith(".")
        assert check.source


def test_entries_name_symptoms_that_there_are():
    named = [word for entry in failures() for word in re.findall(r"--symptom ([\w-]+)", entry.advice)]
    assert named
    assert {symptom(name) for name in named} <= set(SYMPTOMS)


def test_in_a_pipe_and_nothing_heavy_is_imported(tmp_path):
    # Stand-ins that end the program: an import of one of them would be seen.
    for name in ("torch", "transformers", "datasets", "numpy", "trl"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit(9)")
    done = subprocess.run(
        [sys.executable, "-m", "rldk_trl", "explain"],
        input=TRACEBACK,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT / "src")])},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(ENTRY)


def test_changes(capsys):
    assert cli.main(["changes", "0.11.4", "0.29.0"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any("PPOTrainer has only train()" in line for line in lines)
    assert any("default of learning_rate is 3e-06" in line for line in lines)
    assert cli.main(["changes", "--json", "0.11.4", "0.29.0"]) == 0
    assert json.loads(capsys.readouterr().out) == lines


def test_no_changes(capsys):
    assert cli.main(["changes", "0.23.0", "0.23.0"]) == 0
    assert capsys.readouterr().out == "no known change for PPO code from TRL 0.23.0 to 0.23.0\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["0.23.0", "new"], "'new' is not a PEP 440 version"), (["0.23.0"], "TRL is not installed here")],
)
def test_changes_of_no_release(capsys, arguments, said):
    assert cli.main(["changes", *arguments]) == 2
    err = capsys.readouterr().err
    assert err.startswith("rldk_trl: changes: ")
    assert said in err
    assert err.count("\n") == 1
