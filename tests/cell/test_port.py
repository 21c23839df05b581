"""What `python -m rldk_trl port` says about this release is true: each statement is tried on TRL's own classes."""

from __future__ import annotations

import ast
import collections.abc
import inspect
import json
import re
from importlib.resources import files

import pytest
from packaging.version import Version
from port_programs import STEP_PROGRAM, TRAIN_PROGRAM, followed

from rldk.integrations.trl import create_ppo_config, create_ppo_trainer, prepare_models_for_ppo, run_ppo
from rldk.integrations.trl.advice.porting.arguments import NEEDED, SIGNATURES
from rldk.integrations.trl.advice.porting.attributes import ATTRIBUTES, METHOD_PARAMETERS, MODULE_METHODS
from rldk.integrations.trl.advice.porting.conversions import TO_STEP, TO_TRAIN
from rldk.integrations.trl.advice.porting.imports import gives
from rldk.integrations.trl.advice.porting.options import INHERITED
from rldk.integrations.trl.advice.porting.program import port_program
from rldk.integrations.trl.advice.porting.uses import Import
from rldk.integrations.trl.config.refusals import option_releases
from rldk.integrations.trl.config.unread import NEVER_READ
from rldk.integrations.trl.releases.generations import installed_generation
from rldk.integrations.trl.releases.quiet import third_party_warnings

OTHER_API = {"step": Version("0.16.1"), "train": Version("0.7.11")}
# PPO's own modules. Others import packages that a cell does not have.
MODULES = re.compile(
    r"trl(\.core|\.import_utils|\.models(\.modeling_(base|value_head)|\.utils)?|\.trainer(\.ppo\w*)?|\.experimental\.ppo(\.\w+)?)?"
)
# A value for each option with a replacement.
VALUES = {
    **{"kl_penalty": "'kl'", "kl_estimator": "'k1'", "log_with": "None", "report_to": "'none'", "exp_name": "'tiny'"},
    **{"use_cpu": "True", "remove_unused_columns": "True", "init_kl_coef": "0.25", "kl_coef": "0.25"},
}


def findings_of(program, version, written_for=None):
    return port_program(program, written_for, version).findings


def run(code, **names):
    with third_party_warnings():
        exec(compile(code, "<port>", "exec"), names)
    return names


def test_imports_work_exactly_where_it_says_so_and_its_replacements_work(version):
    table = json.loads((files("rldk.integrations.trl.advice") / "names.json").read_text(encoding="utf-8"))
    tried = 0
    for name, modules in table["names"].items():
        for module in filter(MODULES.fullmatch, modules):
            code = f"from {module} import {name}"
            found = findings_of(code, version)
            try:
                run(code)
            except (ImportError, AttributeError, RuntimeError):
                # Of a module that may import the name itself nothing is said.
                if gives(Import(1, module, name), version) is not None:
                    assert [finding.problem for finding in found] == ["fails"], code
            else:
                assert all(finding.problem == "deprecated" for finding in found), code
            for finding in found:
                if finding.write is not None:
                    assert re.split(r" import | as ", finding.write)[-1] in run(finding.write), finding
            tried += 1
    assert tried > 100


def config_findings(option, value, version):
    return [
        finding
        for finding in findings_of(f"from trl import PPOConfig\nPPOConfig({option}={value})", version)
        if finding.kind == "option" and finding.name == option and finding.problem != "changed"
    ]


@pytest.fixture
def base(tmp_path):
    """What any config of the train API needs here: a folder, and the CPU."""
    if installed_generation().api == "step":
        return {}
    return {"output_dir": str(tmp_path), "use_cpu": True, "bf16": False, "report_to": "none"}


@pytest.mark.trl_ppo
def test_options_are_accepted_exactly_where_it_says_so(version, base):
    config = installed_generation().config
    parameters = inspect.signature(config).parameters
    for option in sorted({*option_releases(), *NEVER_READ, *INHERITED}):
        found = config_findings(option, "a_value", version)
        if any(finding.problem == "fails" for finding in found):
            with third_party_warnings(), pytest.raises(TypeError, match=f"unexpected keyword argument '{option}'"):
                config(**{**base, option: None})
        elif option in NEVER_READ and option not in option_releases():
            continue  # of these transformers removes one now and then
        else:
            assert option in parameters, option
        assert all(finding.problem == "fails" or option in NEVER_READ for finding in found)


@pytest.mark.trl_ppo
def test_replacements_of_options_are_accepted_with_their_values(version, base):
    generation = installed_generation()
    table = TO_STEP if generation.api == "step" else TO_TRAIN
    replaced = [option for option, conversion in table.items() if conversion.write is not None]
    tried = 0
    for option in [*replaced, *NEVER_READ]:
        for finding in config_findings(option, VALUES.get(option, "8"), version):
            if finding.write is None:
                continue
            given = run(f"given = dict({finding.write})")["given"]
            with third_party_warnings():
                config = generation.config(**{**base, **given})
            for name, value in given.items():
                if name != "report_to":  # transformers makes a list of it
                    assert getattr(config, name) == value, finding
            run(finding.rldk, create_ppo_config=create_ppo_config)
            tried += 1
    assert tried >= 3


@pytest.mark.trl_ppo
def test_parameters_of_the_constructor_are_those_that_it_knows(version):
    trainer = installed_generation().trainer
    parameters = inspect.signature(trainer.__init__).parameters
    for name in sorted({name for each in SIGNATURES["PPOTrainer"].values() for name in each}):
        found = findings_of(f"from trl import PPOTrainer\nPPOTrainer({name}=a_value)", version)
        said = [finding for finding in found if finding.name == name and "its constructor" in finding.says]
        assert bool(said) == (name not in parameters), name
        for finding in said:
            with third_party_warnings(), pytest.raises(TypeError) as raised:  # other arguments are missing anyway
                trainer(**{name: None})
            refused = f"unexpected keyword argument '{name}'" in str(raised.value)
            assert finding.problem == ("fails" if refused else "deprecated"), name
            for keyword in ast.parse(f"f({finding.write or ''})", mode="eval").body.keywords:
                assert keyword.arg in parameters, finding


@pytest.fixture
def parts(tiny_gpt2, tmp_path, make_ppo_setup, monkeypatch):
    """The names that the programs are given."""
    import transformers

    if installed_generation().flattens_with_collections:  # TRL 0.2.0 updates on Python 3.9 only
        monkeypatch.setattr(collections, "Mapping", collections.abc.Mapping, raising=False)
    monkeypatch.chdir(tmp_path)
    setup = make_ppo_setup()
    return {
        **{
            name: getattr(transformers, name)
            for name in ("AutoModelForCausalLM", "AutoModelForSequenceClassification")
        },
        **{"FOLDER": str(tiny_gpt2), "NAME": str(tiny_gpt2), "OUTPUT": str(tmp_path / "out")},
        "dataset": setup.train_dataset,
    }


@pytest.fixture
def ported(parts, version, tmp_path):
    """The program of the other API after everything that is said was done, and the names that it leaves."""
    api = installed_generation().api
    source = STEP_PROGRAM if api == "train" else TRAIN_PROGRAM
    found = findings_of(source, version, OTHER_API[api])
    here = "use_cpu=True, bf16=False, response_length=8" if api == "train" else ""
    notes = "\n".join({finding.note for finding in found if (finding.note or "").startswith("from trl import")})
    return run(f"{notes}\n{followed(source, found, here)}", **parts)


@pytest.mark.trl_ppo
def test_the_program_of_the_other_api_fails_here_and_runs_once_each_finding_is_followed(ported, parts, version):
    api = installed_generation().api
    source = STEP_PROGRAM if api == "train" else TRAIN_PROGRAM
    with pytest.raises((TypeError, ImportError, AttributeError, ValueError)):
        run(source, **parts)
    trainer = ported["trainer"]
    assert type(trainer) is installed_generation().trainer
    if api == "train":
        assert trainer.state.global_step > 0
        assert (trainer.args.kl_coef, trainer.args.num_ppo_epochs, trainer.args.total_episodes) == (0.1, 2, 4)
        assert (trainer.args.batch_size, trainer.args.num_mini_batches) == (4, 2)
        return
    config = trainer.config
    assert (config.init_kl_coef, config.adap_kl_ctrl, config.ppo_epochs, config.steps) == (0.1, False, 2, 4)
    assert (config.batch_size, getattr(config, "mini_batch_size", 2)) == (4, 2)
    run(STEP_PROGRAM[STEP_PROGRAM.index("queries") :], **{**ported, "torch": __import__("torch")})


@pytest.mark.trl_ppo
def test_the_release_s_own_program_has_no_finding_that_fails(parts, version, tmp_path):
    api = installed_generation().api
    source = TRAIN_PROGRAM if api == "train" else STEP_PROGRAM
    found = findings_of(source, version, version)
    here = "use_cpu=True, bf16=False" if api == "train" else ""
    run(followed(source, found, here), **parts)
    if not any(finding.problem == "fails" for finding in found):
        run(followed(source, [], here), **parts)


@pytest.mark.trl_ppo
def test_it_says_what_this_library_takes_instead(parts, version, tmp_path):
    """The config, the trainer and the update as the lines `rldk:` say."""
    api = installed_generation().api
    source = STEP_PROGRAM if api == "train" else TRAIN_PROGRAM
    found = findings_of(source, version, OTHER_API[api])
    said = {"create_ppo_config": {}, "create_ppo_trainer": {}}
    models = prepare_models_for_ppo(parts["FOLDER"])
    names = {
        **{**parts, "tokenizer": models.tokenizer, "model": models.model, "ref_model": models.ref_model},
        "reward_function": lambda texts: [float(len(text)) for text in texts],
        **dict.fromkeys(said, dict),
    }
    names["config"] = None
    for finding in found:
        called = (finding.rldk or "").partition("(")[0]
        if called in said:
            said[called].update(run(f"given = {finding.rldk}", **names)["given"])
    said["create_ppo_config"].update(output_dir=str(tmp_path), response_length=8)
    config = create_ppo_config(**said["create_ppo_config"])
    assert {"kl_coef", "init_kl_coef"} & vars(config).keys()
    arguments = {"reward_model": models.reward_model, **said["create_ppo_trainer"], "ppo_config": config}
    trainer = create_ppo_trainer(parts["FOLDER"], **{"train_dataset": parts["dataset"], **arguments})
    (metrics,) = run_ppo(trainer, steps=1)
    assert "kl" in metrics


@pytest.mark.trl_ppo
def test_trainers_have_exactly_the_attributes_that_it_says(ported, version):
    trainer = ported["trainer"]
    for name in ATTRIBUTES:
        found = findings_of(f"from trl import PPOTrainer\ntrainer = PPOTrainer()\ntrainer.{name}", version)
        (finding,) = [each for each in found if each.name == name and each.kind == "attribute"] or [None]
        assert hasattr(trainer, name) == (finding is None), name
        if finding is not None and finding.write is not None:
            run(finding.write.removesuffix("()"), trainer=trainer)


@pytest.mark.trl_ppo
def test_methods_have_exactly_the_parameters_that_it_says(version):
    trainer = installed_generation().trainer
    for method, keywords in METHOD_PARAMETERS.items():
        for keyword in keywords:
            code = f"from trl import PPOTrainer\ntrainer = PPOTrainer()\ntrainer.{method}({keyword}=1)"
            has = keyword in inspect.signature(getattr(trainer, method, lambda: None)).parameters
            found = [each.name for each in findings_of(code, version) if each.kind == "call"]
            assert found == ([] if has else [f"{method}({keyword})"] if hasattr(trainer, method) else [method])


@pytest.mark.trl_ppo("train")
def test_attributes_that_mean_something_else_do(ported, version, base):
    config, trainer = ported["config"], ported["trainer"]
    for option, value in {"batch_size": 4, "mini_batch_size": 2}.items():
        program = f"from trl import PPOConfig\nconfig = PPOConfig(ppo_epochs=2)\nconfig.{option}"
        (finding,) = [
            each for each in findings_of(program, version) if each.problem == "changed" and each.name == option
        ]
        assert run(f"value = {finding.write}", config=config)["value"] == value
    assert len(ported["queries"]) == 4
    assert not hasattr(trainer.model, "generate")
    assert all(hasattr(trainer.model, name) for name in MODULE_METHODS)
    assert hasattr(trainer.accelerator.unwrap_model(trainer.model).policy, "generate")
    assert type(config)(**base).batch_size is None
    assert trainer.processing_class is ported["tokenizer"]


@pytest.mark.trl_ppo("train")
def test_what_a_call_must_pass_fails_where_it_is_missing(parts, version):
    found = findings_of(TRAIN_PROGRAM, version, OTHER_API["step"])
    source = followed(TRAIN_PROGRAM, found, "use_cpu=True, bf16=False").replace("trainer.train()", "")
    run(source, **parts)
    parameters = inspect.signature(installed_generation().trainer.__init__).parameters
    for needed in NEEDED:
        name = needed if needed in parameters else "ref_policy"
        tree = ast.parse(source)
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "PPOTrainer":
                node.keywords = [keyword for keyword in node.keywords if keyword.arg != name]
        without = ast.unparse(tree)
        assert any(f"needs {needed}" in each.says for each in findings_of(without, version)), needed
        with pytest.raises((TypeError, AttributeError)):
            run(without, **parts)
