"""The catalogue of failures as data, and `explain_failure` on messages as they were seen."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest
from failure_samples import SAMPLES, SHARED
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version
from reported_cases import ADVICE, CASES, NOT_OURS, OUT_OF_SCOPE, REPRODUCED

import rldk.integrations.trl as library
from rldk.integrations.trl.advice.catalogue.failure import ROW_OF_THE_MATRIX, Failure
from rldk.integrations.trl.advice.catalogue.matching import reported_release
from rldk.integrations.trl.advice.failures import explain_failure, failure, failures
from rldk.integrations.trl.releases.boundaries import is_in
from rldk_trl.matrix.loader import load_matrix

RELEASES = [release.version for release in load_matrix().releases]


@pytest.mark.parametrize("entry", failures(), ids=lambda entry: entry.id)
class TestEntry:
    def test_it_is_complete(self, entry):
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", entry.id)
        for text in (entry.cause, entry.advice):
            assert text
            assert "\n" not in text
            assert not text.endswith(".")
        assert entry.message
        re.compile(entry.message)

    def test_its_releases_are_some_of_the_matrix(self, entry):
        bounds = {specifier.version.removesuffix(".*") for specifier in SpecifierSet(entry.releases)}
        assert all(Version(bound) < Version("2") for bound in bounds)
        assert any(entry.happens_on(version, packages={"x": "1"}) for version in RELEASES) or entry.requires
        assert any(entry.happens_on(version) for version in RELEASES)
        for requirement in entry.requires:
            Requirement(requirement)

    def test_its_link_is_an_issue_or_the_matrix(self, entry):
        if entry.link != ROW_OF_THE_MATRIX:
            assert re.fullmatch(r"https://github\.com/[\w-]+/[\w-]+/(issues|pull)/\d+", entry.link)
            assert re.fullmatch(r"[\w-]+/[\w-]+#\d+", entry.reference)

    def test_what_mends_it_is_public(self, entry):
        assert entry.fixed_by is None or entry.fixed_by in library.__all__

    def test_its_samples_are_explained_by_it_and_by_no_other(self, entry):
        samples = SAMPLES.get(entry.id, []) + [case.text for case in ADVICE if case.entry == entry.id]
        assert samples or entry.advice_only
        for text in samples:
            assert entry.matches(text)
            assert {found.id for found in explain_failure(text)} == SHARED.get(text, {entry.id})


def test_ids_are_unique_and_there_are_enough():
    names = [entry.id for entry in failures()]
    assert len(names) == len(set(names)) >= 25
    assert SAMPLES.keys() == {entry.id for entry in failures() if not entry.advice_only}
    assert failure(names[0]) is failures()[0]


def test_what_happens_on_the_release_comes_first():
    text = "ModuleNotFoundError: No module named 'trl.experimental.ppo'"
    assert [entry.id for entry in explain_failure(text, "0.25.1")] == ["experimental-ppo-not-there-yet", "ppo-deleted"]
    assert [entry.id for entry in explain_failure(text, "1.16.0")] == ["ppo-deleted", "experimental-ppo-not-there-yet"]


TRACEBACK = """\
Traceback (most recent call last):
  File "transformers/utils/import_utils.py", line 1184, in _get_module
    return importlib.import_module("." + module_name, self.__name__)
ImportError: cannot import name 'top_k_top_p_filtering' from 'transformers' (transformers/__init__.py)

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "train.py", line 3, in <module>
    from trl import PPOTrainer
RuntimeError: Failed to import trl.models.modeling_base because of the following error (look up to see its traceback):
"""
PYTEST = """\
E       AttributeError: 'AutoModelForCausalLMWithValueHead' object has no attribute
E       'generation_config'
"""
COLOURED = "\x1b[1m\x1b[31mE   AttributeError: 'PPOTrainer' object has no \x1b[0mattribute 'generate'\x1b[0m"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (TRACEBACK, "top-k-top-p-filtering"),
        (PYTEST, "wrapper-without-generation-config"),
        (COLOURED, "step-api-calls"),
        (TRACEBACK.replace("\n", "\r\n"), "top-k-top-p-filtering"),
        ("  | " + SAMPLES["wrapper-output-without-logits"][0] + "\n  +------", "wrapper-output-without-logits"),
    ],
)
def test_tracebacks_of_any_form(text, expected):
    assert [entry.id for entry in explain_failure(text)] == [expected]


def test_advice_alone_is_never_said_to_be_shown():
    assert not any(entry.found or entry.fixed_by for entry in failures() if entry.advice_only)


@pytest.mark.parametrize("case", [*REPRODUCED, *ADVICE], ids=lambda case: f"{case.source}-{case.trl}")
def test_a_report_is_explained(case):
    found = explain_failure(case.text, case.trl)
    assert case.entry in [entry.id for entry in found if is_in(case.trl, entry.releases)]
    # What does not happen on that release is behind what does, and says so.
    late = [entry for entry in found if not is_in(case.trl, entry.releases)]
    assert found[len(found) - len(late) :] == late
    assert all(entry.cause.startswith(f"not known to happen on TRL {case.trl}, only on ") for entry in late)


def test_reports_are_decided_as_the_catalogue_says():
    by_id = {entry.id: entry for entry in failures()}
    assert all(by_id[case.entry].advice_only for case in ADVICE)
    assert not any(case.entry in by_id and by_id[case.entry].advice_only for case in REPRODUCED)
    assert all(case.why for case in OUT_OF_SCOPE)
    assert len(REPRODUCED) + len(ADVICE) + len(OUT_OF_SCOPE) == len(CASES) == 60


@pytest.mark.parametrize("case", OUT_OF_SCOPE, ids=lambda case: case.source)
def test_what_is_out_of_scope_is_not_claimed(case):
    assert explain_failure(case.text, case.trl) == []


@pytest.mark.parametrize("text", NOT_OURS)
def test_other_people_s_errors_are_only_possible(text):
    for entry in explain_failure(text):
        assert entry.possible
        assert entry.cause.startswith("possible, if this came from PPO: ")


@pytest.mark.parametrize(
    "frame", ['File "trl/trainer/ppo_trainer.py", line 9', "my ppo训练", "TRL 0.20.0", "PPOv2Trainer"]
)
def test_a_name_of_ours_makes_it_certain(frame):
    (entry, *_) = explain_failure(f"{frame}\nTypeError: object of type 'NoneType' has no len()", "0.20.0")
    assert not entry.possible
    assert entry == failure("sample-completions-without-eval-dataset")


LOGITS = "AttributeError: 'tuple' object has no attribute 'logits'"


@pytest.mark.parametrize(
    "text",
    [
        LOGITS.removeprefix("AttributeError: "),
        LOGITS.replace("'tuple'", "tuple'"),
        LOGITS.replace("'", "`"),
        LOGITS.replace("'tuple'", "\u2018tuple\u2019"),
        f"[rank0]: Traceback\n[rank0]: {LOGITS}",
        f"[default1]:{LOGITS}",
        f"[1,0]<stderr>:{LOGITS}",
        "[0]: AttributeError: 'tuple' object has\n[0]: no attribute 'logits'",
        "\x1b[0;31mAttributeError\x1b[0m: 'tuple' object has no \x1b[1mattribute\x1b[0m 'logits'",
        "[0;31mAttributeError[0m: 'tuple' object has no attribute 'logits'",
        f"---> 12 trainer.train()\n     13\n{LOGITS}",
        json.dumps({"traceback": [LOGITS.replace("'", '"'), "\x1b[0;31mCell In[7], line 12\x1b[0m"]}),
        "\u2502 AttributeError: 'tuple' object has no attribute   \u2502\n\u2502 'logits'          \u2502",
        "> AttributeError: 'tuple' object has no attribute 'logits'",
        "tuple has no attribute logits in PPOTrainer",
    ],
)
def test_texts_as_people_paste_them(text):
    assert [entry.id for entry in explain_failure(text)] == ["wrapper-output-without-logits"]


@pytest.mark.parametrize(
    ("text", "release"),
    [
        ("trl==0.12.1", "0.12.1"),
        ("- TRL version: 0.16.0.dev0", "0.16.0.dev0"),
        ("TRL 0.9.6, transformers 4.44.0", "0.9.6"),
        ("`trl` version 0.7", "0.7"),
        ("site-packages/trl-0.11.4.dist-info", "0.11.4"),
        ("requires trl>=0.8.6,<=0.9.6 but found trl==0.24.0", "0.24.0"),
        ("it worked with trl==0.11.3 but not with trl==0.12.0", None),
        ("trl>=0.8.6", None),
        ("ctrl 1.2.3", None),
        ("", None),
    ],
)
def test_the_release_that_a_text_names(text, release):
    found = reported_release(text)
    assert (found and str(found)) == release


def test_a_release_outside_the_range_is_said_first():
    (entry,) = explain_failure(f"trl==0.23.0\n{LOGITS}")
    assert entry.cause.startswith("not known to happen on TRL 0.23.0, only on >=0.9.2,<0.22: the train API")
    (entry,) = explain_failure(LOGITS, "0.23.0")
    assert entry.cause.startswith("not known to happen on TRL 0.23.0, only on >=0.9.2,<0.22: possible, if")


@pytest.mark.parametrize("odd", ["", "\x00\x1b[", "all is well", "\ud800", "(" * 10_000, None, 3, b"'tuple'", ["x"]])
def test_odd_text_is_no_error(odd):
    assert explain_failure(odd) == []


def test_a_long_log_takes_no_pattern_forever():
    """Each line is the start of a pattern. One that looked for its end in all of the log would take an hour."""
    program = """
from rldk.integrations.trl.advice.failures import explain_failure
print(explain_failure('queries = data["input_ids"]\\nin repeat_generator\\nobject of type \\'Iterable\\n' * 40_000))
"""
    # Nothing stops a regular expression but the end of its process; the limit is against a hang alone.
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    assert done.stdout == "[]\n"


def one(**fields) -> Failure:
    given = {"id": "a-b", "message": "x", "cause": "c", "advice": "a", "link": ROW_OF_THE_MATRIX, "found": False}
    return Failure(**(given | fields))


@pytest.mark.parametrize(
    ("fields", "version", "packages", "happens"),
    [
        ({"releases": ">=0.12,<0.23"}, "0.12.0", {}, True),
        ({"releases": ">=0.12,<0.23"}, "0.23.0", {}, False),
        ({"releases": ">=0.22,<1.0"}, "1.0.0rc1", {}, False),
        ({"releases": ">=0.22,<1.0"}, "1.0.0.dev0", {}, False),
        ({"releases": "==0.2.*"}, "0.2.1+local", {}, True),
        ({"releases": ">=0.2"}, "no version", {}, False),
        ({"releases": ">=0.2", "requires": ("transformers>=5.15",)}, "1.12.0", {"Transformers": "5.16.0"}, True),
        ({"releases": ">=0.2", "requires": ("transformers>=5.15",)}, "1.12.0", {"transformers": "5.16.0.dev0"}, True),
        ({"releases": ">=0.2", "requires": ("transformers>=5.15",)}, "1.12.0", {"transformers": "5.14.1"}, False),
        ({"releases": ">=0.2", "requires": ("transformers>=5.15",)}, "1.12.0", {"transformers": "odd"}, False),
        ({"releases": ">=0.2", "requires": ("transformers>=5.15",)}, "1.12.0", {}, False),
        ({"releases": ">=0.2", "requires": ("transformers>=5.15",)}, "1.12.0", None, True),
        ({"releases": ">=0.2", "absent": ("peft",)}, "0.7.3", {}, True),
        ({"releases": ">=0.2", "absent": ("peft",)}, "0.7.3", {"PEFT": "0.8.0"}, False),
    ],
)
def test_where_it_happens(fields, version, packages, happens):
    assert one(**fields).happens_on(version, packages) is happens


def test_without_trl_nothing_happens_here(monkeypatch):
    from rldk.integrations.trl.advice.catalogue import failure as failure_entry

    monkeypatch.setattr(failure_entry, "installed_version", lambda name: None)
    assert not any(entry.happens_on() for entry in failures())
    assert explain_failure(TRACEBACK)[0].id == "top-k-top-p-filtering"
