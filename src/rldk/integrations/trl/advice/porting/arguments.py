"""Arguments of the trainers' constructors between releases."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

from packaging.version import Version

from rldk.integrations.trl.advice.porting.finding import Finding
from rldk.integrations.trl.advice.porting.uses import TRAIN, Argument, Construction
from rldk.integrations.trl.releases.boundaries import TRAIN_API, in_spans
from rldk.integrations.trl.releases.generations import PARTS

_STEP = ("config", "model", "ref_model", "tokenizer", "dataset", "optimizer", "data_collator", "num_shared_layers")
_TRAIN = ("value_model", "data_collator", "eval_dataset", "optimizers", "callbacks")
# Trainer -> releases -> the constructor's parameters, in order. Read in every wheel (docs/generations.md).
SIGNATURES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "PPOTrainer": {
        "0.2.0-0.8.6": (*_STEP, "lr_scheduler"),
        "0.9.2-0.11.4": (*_STEP, "lr_scheduler", "training_data_collator"),
        "0.12.0-0.12.2": (
            *("config", "processing_class", "policy", "ref_policy", "reward_model", "train_dataset"),
            *_TRAIN,
        ),
        "0.13.0-1.12.0": (
            *("args", "processing_class", "model", "ref_model", "reward_model", "train_dataset"),
            *_TRAIN,
            "peft_config",
        ),
    },
    "PPOv2Trainer": {
        "0.9.2-0.11.4": ("config", "tokenizer", "policy", "ref_policy", "reward_model", "train_dataset", *_TRAIN),
    },
}

# Old names that the constructor of these releases renames, with a warning.
OLD_NAMES: Mapping[str, str] = {
    "tokenizer": "0.12.1-0.14.0",
    "config": "0.13.0-0.14.0",
    "policy": "0.13.0-0.14.0",
    "ref_policy": "0.13.0-0.14.0",
}

# What the train API cannot do without. The signature calls value_model optional until 0.17.0, but without one the
# trainer fails (huggingface/trl#1976).
NEEDED: Mapping[str, str] = {
    "processing_class": "processing_class=tokenizer",
    "ref_model": "ref_model=None",
    "reward_model": "reward_model=AutoModelForSequenceClassification.from_pretrained(NAME, num_labels=1)",
    "train_dataset": "train_dataset=dataset",
    "value_model": "value_model=AutoModelForSequenceClassification.from_pretrained(NAME, num_labels=1)",
}
_NEEDED_NOTES: Mapping[str, str] = {
    "ref_model": "with None the trainer copies the policy",
    "reward_model": "a network that scores prompt and response; create_ppo_trainer takes a function of the texts too",
    "train_dataset": "its column input_ids holds the token ids of the prompts",
    "value_model": "the train API has no value head: the value model is a network of its own",
}

_OTHER_NAMES = (*PARTS.values(), ("optimizers", "optimizer", "lr_scheduler"))
_GONE: Mapping[str, str] = {
    "num_shared_layers": "leave it out: create the reference model yourself and pass it",
    "training_data_collator": "leave it out: the train API has no second data_collator",
    "reward_model": "leave it out: your loop scores the responses and passes the scores to step()",
    "value_model": "leave it out: the value head of the policy predicts the values",
    "eval_dataset": "leave it out: the step API evaluates nothing",
    "callbacks": "leave it out: the step API has no callbacks; create_ppo_trainer runs them in run_ppo",
    "peft_config": "pass peft_config to from_pretrained of the policy",
}
_RLDK_NAMES: Mapping[str, str] = {
    "args": "ppo_config",
    "config": "ppo_config",
    "processing_class": "tokenizer",
    "policy": "model",
    "ref_policy": "ref_model",
    "dataset": "train_dataset",
}


def _merged(spans: Iterable[str]) -> str:
    """Join the releases of signatures that follow each other: no release is between 0.8.6 and 0.9.2, ..."""
    text = ", ".join(spans)
    for end, start in pairwise(SIGNATURES["PPOTrainer"]):
        text = text.replace(f"-{end.partition('-')[2]}, {start.partition('-')[0]}-", "-")
    return text


_TAKEN: Mapping[str, str] = {
    name: _merged(span for span, names in SIGNATURES["PPOTrainer"].items() if name in names)
    for every in SIGNATURES["PPOTrainer"].values()
    for name in every
}


def accepts(use: Construction, version: Version) -> bool:
    """Whether the constructor of a release takes these arguments."""
    parameters = _parameters(use.name, version)
    old = {name for name, releases in OLD_NAMES.items() if in_spans(version, releases)}
    return use.keywords.keys() <= {*parameters, *old} and len(use.positional) <= len(parameters)


def argument_findings(use: Construction, source: Sequence[Version], target: Version) -> Iterator[Finding]:
    """Yield what changes for the arguments of a trainer on ``target``, if it was written for ``source``."""
    parameters = _parameters("PPOTrainer", target)
    places = {_parameters(use.name, version)[: len(use.positional)] for version in source}
    given = dict(zip(places.pop(), use.positional, strict=False)) if len(places) == 1 else {}
    every = {**given, **use.keywords}
    for place, name in enumerate(given):
        if place >= len(parameters) or parameters[place] not in _names_of(name):
            other = f"is {parameters[place]} there" if place < len(parameters) else "does not exist there"
            yield _renamed(name, every, parameters, target, f"argument {place + 1} {other}: pass it by name")
    for name in use.keywords:
        if in_spans(target, OLD_NAMES.get(name, "")):
            why = "its constructor renames this, with a warning"
            yield replace(_renamed(name, every, parameters, target, why), problem="deprecated")
        elif name not in parameters:
            yield _renamed(name, every, parameters, target, "its constructor has no such parameter (TypeError)")
    was_train = bool(source) and all(version >= TRAIN_API for version in source)
    if target < TRAIN_API and (was_train or use.name == "PPOv2Trainer"):
        yield from _plain_models(every)
    if use.complete and target >= TRAIN_API and (given or not use.positional):
        for needed, code in NEEDED.items():
            if not every.keys() & set(_names_of(needed)):
                yield _needed(use.line, needed, code, target)


def _parameters(trainer: str, version: Version) -> tuple[str, ...]:
    return next((names for span, names in SIGNATURES[trainer].items() if in_spans(version, span)), ())


def _names_of(name: str) -> tuple[str, ...]:
    return next((names for names in _OTHER_NAMES if name in names), (name,))


def _renamed(
    name: str, given: Mapping[str, Argument], parameters: tuple[str, ...], target: Version, why: str
) -> Finding:
    argument = given[name]
    new = next((other for other in _names_of(name) if other in parameters), None)
    code = None if new is None else f"{new}={argument.text}"
    if new == "optimizers":
        code = _optimizers(name, given)
    ours = _RLDK_NAMES.get(name, name)
    return Finding(
        line=argument.line,
        kind="argument",
        name=name,
        problem="fails",
        says=f"PPOTrainer of TRL {target}: {why}",
        releases=_TAKEN.get(name, ""),
        write=code,
        note=_argument_note(name, code),
        rldk=None if name in _NOT_OURS else f"create_ppo_trainer({ours}={argument.text})",
    )


def _plain_models(given: Mapping[str, Argument]) -> Iterator[Finding]:
    for name in ("model", "ref_model", "policy", "ref_policy"):
        if name in given and not isinstance(given[name].value, ast.Constant):
            new, text = _RLDK_NAMES.get(name, name), given[name].text
            yield Finding(
                line=given[name].line,
                kind="model",
                name=name,
                problem="fails",
                says="PPOTrainer of the step API takes a value-head wrapper; a plain model fails",
                releases=TRAIN,
                write=f"{new}=AutoModelForCausalLMWithValueHead.from_pretrained({text})",
                note="from trl import AutoModelForCausalLMWithValueHead",
                rldk=f"create_ppo_trainer({new}={text})",
            )


# create_ppo_trainer takes these on some releases only.
_NOT_OURS = frozenset(
    {"num_shared_layers", "training_data_collator", "optimizer", "lr_scheduler", "optimizers"}
    | {"value_model", "eval_dataset", "peft_config"}
)


def _optimizers(name: str, given: Mapping[str, Argument]) -> str | None:
    if name == "lr_scheduler" and "optimizer" in given:
        return None  # the optimizer's line has it
    first, second = (given[part].text if part in given else "None" for part in ("optimizer", "lr_scheduler"))
    return f"optimizers=({first}, {second})"


def _argument_note(name: str, code: str | None) -> str | None:
    if code is not None:
        return None
    if name == "lr_scheduler":
        return "leave it out: it is the second of optimizers"
    if name == "optimizers":
        return "pass the two as optimizer and lr_scheduler"
    return _GONE.get(name, "leave it out")


def _needed(line: int, name: str, code: str, target: Version) -> Finding:
    note = _NEEDED_NOTES.get(name)
    if name == "ref_model" and name not in _parameters("PPOTrainer", target):  # 0.12 copies no policy
        code, note = "ref_policy=AutoModelForCausalLM.from_pretrained(NAME)", None
    return Finding(
        line=line,
        kind="argument",
        name=name,
        problem="fails",
        says=f"PPOTrainer of TRL {target} needs {name}, which this call does not pass",
        write=code,
        note=note,
        rldk=_RLDK_NEEDED[name],
    )


_RLDK_NEEDED: Mapping[str, str | None] = {
    "processing_class": "create_ppo_trainer(tokenizer=tokenizer)",
    "ref_model": None,
    "reward_model": "create_ppo_trainer(reward_model=reward_function)",
    "train_dataset": "create_ppo_trainer(train_dataset=dataset)",
    "value_model": None,
}
