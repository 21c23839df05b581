"""Value-head wrappers as the policy, between the two APIs."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from packaging.version import Version

from rldk.integrations.trl.advice.porting.finding import Finding
from rldk.integrations.trl.advice.porting.uses import STEP, TRAINERS, VALUE_HEADS, Construction, Program
from rldk.integrations.trl.releases.boundaries import TRAIN_API


def model_findings(program: Program, target: Version) -> Iterator[Finding]:
    """Yield what changes for the models of a program that trains: one that only generates keeps its wrapper."""
    names = {use.name for use in program.constructions} | {use.name for use in program.imports}
    trains = bool(names & set(TRAINERS))
    for use in program.constructions:
        if trains and use.name in VALUE_HEADS and target >= TRAIN_API:
            yield _unwrapped(use, target)


def _unwrapped(use: Construction, target: Version) -> Finding:
    causal = use.name == "AutoModelForCausalLMWithValueHead"
    notes = ["the value head becomes a network of its own: value_model"]
    if use.positional and not isinstance(use.positional[0].value, ast.Constant):
        notes.append("where this is a loaded model, pass that model itself")
    if "peft_config" in use.keywords:
        notes.append("peft_config is an argument of PPOTrainer from 0.13.0 on, not of from_pretrained")
    name = _name_of(use)
    return Finding(
        line=use.line,
        kind="model",
        name=use.name,
        problem="fails",
        says=f"PPOTrainer of TRL {target} trains a plain model; a value-head wrapper as its policy fails",
        releases=STEP,
        write=f"AutoModelForCausalLM.from_pretrained({name})" if causal else None,
        note="; ".join(notes) if causal else "the train API trains causal language models only",
        rldk=f"prepare_models_for_ppo({name}).model",
    )


def _name_of(use: Construction) -> str:
    if use.positional:
        return use.positional[0].text
    given = use.keywords.get("pretrained_model_name_or_path")
    return "NAME" if given is None else given.text
