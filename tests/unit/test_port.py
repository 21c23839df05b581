"""`python -m rldk_trl port`, without TRL. That its statements are true is tested in each cell."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from packaging.version import Version

from rldk.integrations.trl.advice.porting.arguments import SIGNATURES
from rldk.integrations.trl.advice.porting.options import PPOV2_ONLY, accepting_releases
from rldk.integrations.trl.advice.porting.program import port_program
from rldk.integrations.trl.releases.boundaries import in_spans
from rldk_maintenance.contract import data
from rldk_trl import cli

CONTRACT = data.load()
PPO = [release for release in CONTRACT.releases if release.facts.get("ppo")]

PROGRAM = """\
import trl as t
from trl import PPOTrainer as Trainer
from trl.core import LengthSampler

config = t.PPOConfig(batch_size=16, mini_batch_size=4, ppo_epochs=2)
trainer = Trainer(config, model, None, tokenizer, dataset=data)
for batch in trainer.dataloader:
    responses = trainer.generate(batch["input_ids"], length_sampler=LengthSampler(4, 8))
    stats = trainer.step(batch["input_ids"], responses, scores)
trainer.save_pretrained("out")
"""

EITHER = """\
try:
    from trl.experimental.ppo import PPOTrainer
except ImportError:
    from trl import PPOTrainer
"""


def said(program, to, written_for=None):
    port = port_program(program, None if written_for is None else Version(written_for), Version(to))
    return {(finding.line, finding.name): finding for finding in port.findings}


def test_each_line_is_named_with_what_to_write():
    found = said(PROGRAM, "0.29.0")
    assert {place: finding.write for place, finding in found.items()} == {
        (2, "trl.PPOTrainer"): "from trl.experimental.ppo import PPOTrainer as Trainer",
        (3, "trl.core.LengthSampler"): None,
        (5, "trl.PPOConfig"): "from trl.experimental.ppo import PPOConfig",
        (5, "batch_size"): "per_device_train_batch_size=16, gradient_accumulation_steps=1, num_mini_batches=4",
        (5, "mini_batch_size"): None,
        (5, "ppo_epochs"): "num_ppo_epochs=2",
        (5, "output_dir"): "output_dir='trainer_output'",
        (6, "model"): "model=model",
        (6, "ref_model"): "ref_model=None",
        (6, "tokenizer"): "processing_class=tokenizer",
        (6, "dataset"): "train_dataset=data",
        (6, "reward_model"): "reward_model=AutoModelForSequenceClassification.from_pretrained(NAME, num_labels=1)",
        (6, "value_model"): "value_model=AutoModelForSequenceClassification.from_pretrained(NAME, num_labels=1)",
        (8, "generate"): None,
        (9, "step"): "trainer.train()",
        (10, "save_pretrained"): "trainer.save_model",
    }
    assert all(finding.write or finding.note for finding in found.values())
    assert said(PROGRAM, "0.11.4") == {}


@pytest.mark.parametrize(
    ("program", "first", "last"),
    [
        (PROGRAM, "0.4.2", "0.11.4"),
        ("from trl import PPOConfig\nPPOConfig(forward_batch_size=1)", "0.2.0", "0.11.4"),
        ("from trl import PPOConfig\nPPOConfig(kl_estimator='k3')", "0.17.0", "0.28.0"),
        ("from trl import PPOTrainer\nPPOTrainer(policy=a, ref_policy=b)", "0.12.0", "0.14.0"),
        ("from trl.trainer.ppov2_trainer import PPOv2Trainer", "0.9.2", "0.12.2"),
        ("from trl.experimental.ppo import PPOTrainer", "0.26.0", "1.12.0"),
        (EITHER, "0.2.0", "1.12.0"),
    ],
)
def test_the_releases_that_a_program_can_run_on_are_found(program, first, last):
    port = port_program(program, None, Version("1.12.0"))
    assert (port.written_for[0], port.written_for[-1], port.notes) == (first, last, ())


def test_a_program_that_no_release_runs_is_said_to_be_one():
    port = port_program(
        "from trl import PPOConfig\nPPOConfig(ppo_epochs=1, response_length=5)", None, Version("0.16.0")
    )
    assert port.notes == ("no release has all that the program uses: the best have 1 of 2",)


@pytest.mark.parametrize(
    ("program", "text"),
    [
        ("PPOConfig(**options())", "arguments of PPOConfig come from `options()`, which cannot be seen"),
        (
            "o = {'ppo_epochs': 2}\no[key] = 1\nPPOConfig(**o)",
            "arguments of PPOConfig come from `o`, which cannot be seen",
        ),
        ("PPOTrainer(*parts)", "arguments of PPOTrainer come from `*parts`, which cannot be seen"),
        ("HfArgumentParser((Mine, PPOConfig))", "the options of PPOConfig come from the command line or a file"),
        ("class Mine(PPOTrainer): pass", "class Mine extends PPOTrainer: compare each method that it overrides"),
        ("make(PPOTrainer)", "PPOTrainer itself is passed on, so calls of it there are not checked"),
        ("import_module('trl.core')", "`import_module('trl.core')`: import the module with an import statement"),
        ("t = PPOTrainer()\nt = object_of_mine()\nt.step()", ""),
    ],
)
def test_what_cannot_be_seen_is_said_and_nothing_is_guessed(program, text):
    port = port_program(f"from trl import PPOConfig, PPOTrainer\n{program}", None, Version("0.11.4"))
    assert not port.findings
    assert any(text in unseen.text for unseen in port.unseen) or not text


def test_a_literal_dict_is_seen_through_its_name():
    program = "from trl import PPOConfig\noptions = dict(ppo_epochs=3)\nPPOConfig(**options, **{'steps': 8})"
    assert {name for _, name in said(program, "0.16.1")} >= {"ppo_epochs", "steps"}


def test_a_method_that_a_subclass_defines_itself_is_not_the_trainer_s():
    methods = " def generate(self): self.step()\n def go(self): self.generate()"
    program = f"from trl import PPOTrainer\nclass Mine(PPOTrainer):\n{methods}"
    assert [name for _, name in said(program, "0.16.1")] == ["step"]


def test_a_value_head_is_not_taken_for_a_trainer():
    function = "def sample(model: AutoModelForCausalLMWithValueHead): return model.generate(ids)"
    assert said(f"from trl import AutoModelForCausalLMWithValueHead\n{function}", "0.16.1") == {}


@pytest.mark.parametrize(
    ("to", "written_for", "write"),
    [
        ("0.23.0", "0.16.1", "per_device_train_batch_size=16, gradient_accumulation_steps=1, num_mini_batches=2"),
        ("0.13.0", "0.23.0", "per_device_train_batch_size=4, gradient_accumulation_steps=1, num_mini_batches=2"),
        ("0.7.11", "0.16.1", "batch_size=16, mini_batch_size=4, gradient_accumulation_steps=2"),
        ("0.7.11", "0.23.0", "batch_size=8, mini_batch_size=4, gradient_accumulation_steps=1"),
        ("0.23.0", None, None),
    ],
)
def test_the_batch_keeps_its_number_of_prompts_and_of_optimizer_steps(to, written_for, write):
    options = "per_device_train_batch_size=4, gradient_accumulation_steps=2, num_mini_batches=2"
    found = said(f"from trl import PPOConfig\nPPOConfig({options})", to, written_for)
    written = [finding.write for finding in found.values() if finding.name in ("num_mini_batches", "batch_size")]
    first = [finding.write for finding in found.values() if (finding.write or "").count("=") == 3] or [None]
    assert first[0] == write
    assert written


def test_a_release_without_ppo_is_said_once():
    port = port_program(PROGRAM, None, Version("1.16.0"))
    assert "TRL 1.16.0 has no PPO" in port.notes[0]
    assert {finding.kind for finding in port.findings} == {"import"}


def test_signatures_are_those_of_every_wheel():
    for trainer, signatures in SIGNATURES.items():
        for release in PPO:
            if f"constructor {trainer}" not in release.facts or "*args" in release.facts[f"constructor {trainer}"]:
                continue
            read = tuple(part.partition("=")[0] for part in release.facts[f"constructor {trainer}"])
            (known,) = [names for span, names in signatures.items() if in_spans(Version(release.version), span)]
            assert known == read, release.version


def test_options_of_ppov2_are_those_of_every_wheel():
    for release in PPO:
        has = {name.split()[-1] for name in release.facts if name.startswith("config PPOv2Config ")}
        for option in PPOV2_ONLY:
            assert in_spans(Version(release.version), PPOV2_ONLY[option]) == (option in has), (option, release.version)
        assert all(accepting_releases(option, "PPOv2Config") is not None for option in has)


def port(capsys, *argv):
    code = cli.main(["port", *argv])
    streams = capsys.readouterr()
    return code, streams.out, streams.err


def test_the_command_names_file_and_line_and_leaves_the_file_alone(capsys, tmp_path):
    file = tmp_path / "train.py"
    file.write_text(PROGRAM)
    code, out, _ = port(capsys, str(file), "--to", "0.23.0")
    lines = out.splitlines()
    assert code == 0
    assert lines[0] == (
        f"{file}: written for TRL 0.4.2-0.11.4, guessed from the names that it uses; to run on TRL 0.23.0"
    )
    place = lines.index(
        f"{file}:5: option ppo_epochs: fails: PPOConfig of TRL 0.23.0 refuses it (TypeError); it works on TRL "
        "0.2.0-0.11.4"
    )
    assert lines[place + 1 : place + 3] == [
        "  write: num_ppo_epochs=2",
        "  rldk:  create_ppo_config(num_ppo_epochs=2)",
    ]
    assert lines[-1].endswith("python -m rldk_trl changes 0.11.4 0.23.0")
    assert file.read_text() == PROGRAM
    assert list(tmp_path.iterdir()) == [file]


def test_json(capsys, tmp_path):
    file = tmp_path / "train.py"
    file.write_text(PROGRAM)
    code, out, _ = port(capsys, str(file), "--to", "0.23.0", "--from", "0.7.11", "--json")
    answer = json.loads(out)
    assert (code, answer["written_for"], answer["guessed"], answer["target"]) == (0, ["0.7.11"], False, "0.23.0")
    assert {"line", "kind", "name", "problem", "says", "releases", "write", "note", "rldk"} == set(
        answer["findings"][0]
    )


@pytest.mark.parametrize(
    ("content", "arguments", "code", "line"),
    [
        ("import os", ["--to", "0.23.0"], 1, "rldk_trl: port: {} imports nothing from trl"),
        ("import trl(", ["--to", "0.23.0"], 2, "rldk_trl: port: {}:1: not valid Python: invalid syntax"),
        ("import trl\0", ["--to", "0.23.0"], 2, "rldk_trl: port: {}: not valid Python: source code string"),
        ("import trl", ["--to", "new"], 2, "rldk_trl: port: --to new: not a PEP 440 version; write e.g. 0.23.0"),
        (
            "import trl",
            [],
            2,
            "rldk_trl: port: TRL is not installed here; pass the release to port to, e.g. --to 0.23.0",
        ),
        (None, ["--to", "0.23.0"], 2, "rldk_trl: port: {}: cannot be read (No such file or directory); pass a Python"),
    ],
)
def test_what_cannot_be_read_is_one_line(capsys, tmp_path, content, arguments, code, line):
    file = tmp_path / "train.py"
    if content is not None:
        file.write_text(content)
    status, out, err = port(capsys, str(file), *arguments)
    assert (status, out, err.count("\n")) == (code, "", 1)
    assert err.startswith(line.format(file))


NOTEBOOK = [
    ("markdown", "# PPO\nfrom trl import PPOv2Trainer"),
    ("code", "!pip install trl \\\n    torch\n%matplotlib inline\nfrom trl import PPOConfig"),
    ("code", "%%bash\nfrom trl import set_seed"),
    ("code", "%%time\nfiles = !ls\nif files:\n    %cd ..\nPPOConfig?\nconfig = PPOConfig(ppo_epochs=2)"),
    ("code", ["print(await 1,\n", "config.steps)"]),
]


def notebook_of(tmp_path, cells):
    file = tmp_path / "train.ipynb"
    file.write_text(json.dumps({"cells": [{"cell_type": kind, "source": source} for kind, source in cells]}))
    return str(file)


def test_a_notebook_s_findings_have_cell_and_line(capsys, tmp_path):
    file = notebook_of(tmp_path, NOTEBOOK)
    before = (tmp_path / "train.ipynb").read_bytes()
    code, out, _ = port(capsys, file, "--to", "0.29.0")
    places = [line.split(": ")[0] for line in out.splitlines()[1:-1] if not line.startswith(" ")]
    assert (code, dict.fromkeys(places)) == (
        0,
        dict.fromkeys([f"{file}:cell 2:4", f"{file}:cell 4:6", f"{file}:cell 5:2"]),
    )
    assert "import trl.PPOConfig" in out
    assert (tmp_path / "train.ipynb").read_bytes() == before
    answer = json.loads(port(capsys, file, "--to", "0.29.0", "--json")[1])
    assert (answer["findings"][0]["cell"], answer["findings"][0]["line"]) == (2, 4)


def test_a_line_that_begins_with_a_percent_sign_may_be_python(capsys, tmp_path):
    file = notebook_of(tmp_path, [("code", "from trl import PPOConfig\nPPOConfig(ppo_epochs=7\n% 2)")])
    assert "write: num_ppo_epochs=7 % 2" in port(capsys, file, "--to", "0.23.0")[1]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("{", "not a notebook: Expecting property name"),
        ("[]", "not a notebook: no list `cells`: save it as nbformat 4"),
        ('{"worksheets": []}', "not a notebook: no list `cells`: save it as nbformat 4"),
        ('{"cells": [{"cell_type": "code", "source": "a = 1"}, {"cell_type": "code", "source": "!ls\\nb ="}]}', ""),
    ],
)
def test_a_notebook_that_cannot_be_read_is_one_line(capsys, tmp_path, text, line):
    file = tmp_path / "train.ipynb"
    file.write_text(text)
    status, out, err = port(capsys, str(file), "--to", "0.23.0")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"rldk_trl: port: {file}: {line}" if line else f"rldk_trl: port: {file}:cell 2:2: not valid")


def test_the_program_is_not_run_and_nothing_heavy_is_imported(tmp_path):
    (tmp_path / "train.py").write_text(f"raise SystemExit('it ran')\n{PROGRAM}")
    check = (
        "import sys; from rldk_trl.cli import main; main(['port', 'train.py', '--to', '0.23.0']); "
        "sys.exit(bool({'trl', 'torch', 'transformers'} & sys.modules.keys()))"
    )
    subprocess.run([sys.executable, "-c", check], cwd=tmp_path, check=True, capture_output=True)
