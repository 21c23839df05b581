"""Options of ``PPOConfig`` between releases: which are accepted, which are read, and how to convert them."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from packaging.version import Version

from rldk.integrations.trl.advice.porting.conversions import (
    STEP_BATCH,
    TO_STEP,
    TO_TRAIN,
    TRAIN_BATCH,
    Conversion,
    batch_across_split,
    batch_for_step,
    batch_for_train,
)
from rldk.integrations.trl.advice.porting.finding import Finding, Problem
from rldk.integrations.trl.advice.porting.uses import PPOV2, TRAIN, Argument, Construction
from rldk.integrations.trl.config.defaults import config_default
from rldk.integrations.trl.config.refusals import TRAINING_ARGUMENTS, option_releases, taking_releases
from rldk.integrations.trl.config.unread import NEVER_READ
from rldk.integrations.trl.config.vocabulary import PORTABLE
from rldk.integrations.trl.releases.boundaries import SPLITS_BATCH, TRAIN_API, in_spans

# Options that transformers' TrainingArguments have had as long as the train API exists, beside those that
# `create_ppo_config` knows. Cells hold this to each release's own class.
INHERITED = frozenset(
    {"output_dir", "adam_beta1", "adam_beta2", "adam_epsilon", "deepspeed", "ddp_find_unused_parameters"}
    | {"gradient_checkpointing_kwargs", "hub_model_id", "logging_first_step", "logging_strategy", "disable_tqdm"}
    | {"save_total_limit", "log_level"}
)
# Options that only PPOv2Config had; every other option has the same name in the PPOConfig of 0.12.0.
PPOV2_ONLY: Mapping[str, str] = {
    "base_model": "0.9.2-0.9.6",
    "non_eos_penalty": "0.9.2-0.10.1",
    "num_updates": "0.9.2-0.9.6",
    "penalty_reward_value": "0.9.2-0.10.1",
    "sanity_check": "0.9.2-0.10.1",
}


def accepting_releases(option: str, config: str) -> str | None:
    """Return the releases where the config takes an option, read or not; None if that is not known."""
    if config == "PPOv2Config":
        return PPOV2_ONLY.get(option, PPOV2) if _is_known(option) or option in PPOV2_ONLY else None
    spans = taking_releases(option)
    inherited = option in NEVER_READ or option in INHERITED or option in TRAINING_ARGUMENTS
    if option not in PPOV2_ONLY and inherited and not in_spans(TRAIN_API, spans):
        spans = ", ".join(filter(None, [spans, TRAIN]))
    return spans or None


def _is_known(option: str) -> bool:
    return option in option_releases() or option in NEVER_READ or option in INHERITED or option in TRAINING_ARGUMENTS


def option_findings(use: Construction, source: Sequence[Version], target: Version) -> list[Finding]:
    """Return what changes for the options of a config on ``target``, if it was written for ``source``."""
    found = [_finding(name, argument, use, target) for name, argument in use.keywords.items()]
    findings = [finding for finding in found if finding is not None]
    if use.complete and not use.positional and target >= TRAIN_API:
        findings += [
            _needed(use.line, name, needed, target)
            for name, needed in _NEEDED.items()
            if name not in use.keywords and in_spans(target, needed.releases)
        ]
    names = {finding.name for finding in findings}
    texts = {name: argument.text for name, argument in use.keywords.items()}
    mini_batches = use.keywords.get("num_mini_batches")
    was_split = {version >= SPLITS_BATCH for version in source if version >= TRAIN_API}
    if mini_batches is None or mini_batches.text == "1":
        was_split = {True}  # then it makes no difference
    if target >= TRAIN_API and names & (STEP_BATCH - TRAIN_BATCH):
        texts, defaults = _with_defaults(texts, source)
        train_code, note = batch_for_train(texts, target)
        return _with_batch(findings, STEP_BATCH, train_code, f"{note}{defaults}")
    if target < TRAIN_API and names & (TRAIN_BATCH - STEP_BATCH):
        if len(was_split) == 1:
            # The portable batch multiplies, as before 0.17.0.
            given = ", ".join(f"{name}={texts[name]}" for name in texts if name in TRAIN_BATCH)
            ours = batch_across_split(texts, TRAIN_API)[0] if was_split == {True} and mini_batches else given
            step_code, note = batch_for_step(texts, target, is_split=was_split.pop())
            return _with_batch(findings, TRAIN_BATCH, step_code, note, ours)
        return _with_batch(findings, TRAIN_BATCH, None, _SAY_FROM)
    other_meaning = was_split - {target >= SPLITS_BATCH}
    if target >= TRAIN_API and mini_batches is not None and mini_batches.text != "1" and other_meaning:
        code, note = batch_across_split(texts, target) if len(was_split) == 1 else (None, _SAY_FROM)
        findings.append(_changed_batch(mini_batches.line, code, note))
    return findings


def _with_defaults(texts: Mapping[str, str], source: Sequence[Version]) -> tuple[dict[str, str], str]:
    """Add the batch's options that the program does not set, with their defaults in the newest of its releases."""
    filled, said = dict(texts), ""
    for name in ("batch_size", "mini_batch_size"):
        default = config_default(name, source[-1]) if source and name not in texts else ()
        if default and default[0] is not None and not (name == "mini_batch_size" and "forward_batch_size" in texts):
            filled[name] = str(default[0])
            said += f"; {name} is not set: {default[0]} is the default of TRL {source[-1]}, check it for your release"
    return filled, said


_SAY_FROM = (
    "pass --from to convert it: before 0.17.0 num_mini_batches multiplies the prompts, from then on it splits them"
)


@dataclass(frozen=True)
class _Needed:
    releases: str
    problem: Problem
    says: str
    write: str


_NEEDED: Mapping[str, _Needed] = {
    "output_dir": _Needed(
        *(TRAIN, "changed", "the trainer writes to output_dir; older releases of transformers require it"),
        "output_dir='trainer_output'",
    ),
    "num_sample_generations": _Needed(
        *("0.12.0-0.28.0", "fails", "train() samples completions from eval_dataset, and fails without one"),
        "num_sample_generations=0",
    ),
}


def _needed(line: int, name: str, needed: _Needed, target: Version) -> Finding:
    says = f"TRL {target}: {needed.says}"
    rldk = "create_ppo_config()"  # it sets both
    return Finding(line, "option", name, needed.problem, says, write=needed.write, rldk=rldk)


def _changed_batch(line: int, code: str | None, note: str) -> Finding:
    return Finding(
        line=line,
        kind="option",
        name="num_mini_batches",
        problem="changed",
        says="from 0.17.0 on it splits the prompts of an update; before, it multiplied them (huggingface/trl#2531)",
        write=code,
        note=note,
        rldk=None if code is None else f"create_ppo_config({code})",
    )


def _finding(name: str, argument: Argument, use: Construction, target: Version) -> Finding | None:
    releases = accepting_releases(name, use.name)
    if releases is None:
        return None
    accepted = in_spans(target, accepting_releases(name, "PPOConfig") or "")
    says = f"PPOConfig of TRL {target} refuses it (TypeError)"
    is_step = target < TRAIN_API
    if accepted:
        value = _literal(argument.value)
        unread = not is_step and name in NEVER_READ and (value is _EXPRESSION or value not in NEVER_READ[name][0])
        if not unread:
            return None
        says = f"TRL {target} accepts it, but its PPOTrainer does not read it: {NEVER_READ[name][1]}"
    conversion = _conversion(name, argument, use, target)
    code = conversion.code(argument.text, target)
    ours = f"{name}={argument.text}" if name in PORTABLE else code  # create_ppo_config takes it on every release
    return Finding(
        line=argument.line,
        kind="option",
        name=name,
        problem="ignored" if accepted else "fails",
        says=says,
        releases=_read_on(name, use.name),
        write=code,
        note=conversion.note,
        rldk=None if ours is None else f"create_ppo_config({ours})",
    )


def _read_on(name: str, config: str) -> str:
    return (accepting_releases(name, config) or "") if config == "PPOv2Config" else option_releases().get(name, "")


def _conversion(name: str, argument: Argument, use: Construction, target: Version) -> Conversion:
    if name in PPOV2_ONLY:
        return _PPOV2_CONVERSIONS[name]
    table = TO_STEP if target < TRAIN_API else TO_TRAIN
    conversion = table.get(name, Conversion(None, "leave it out: no option of this release does the same"))
    value = _literal(argument.value)
    adapts = use.keywords.get("adap_kl_ctrl")
    if name == "init_kl_coef" and adapts is not None and _literal(adapts.value) is False:
        return Conversion(conversion.write, None)
    if name == "log_with" and value is None:
        return Conversion("report_to='none'", None)
    if name == "report_to" and value == "none":
        return Conversion("log_with=None", None)
    if name == "kl_penalty" and value != "kl":
        return Conversion(None, f"no estimator of this release is {argument.text}; the nearest is kl_estimator='k1'")
    return conversion


_PPOV2_CONVERSIONS: Mapping[str, Conversion] = {
    "base_model": Conversion(None, "leave it out: no trainer reads it"),
    "non_eos_penalty": Conversion(
        "missing_eos_penalty=1.0",
        "it subtracts from the score of a response without EOS; before 0.11.0 the score was replaced",
        since="0.12.0",
    ),
    "num_updates": Conversion(None, "set total_episodes instead: it is num_updates times the batch"),
    "penalty_reward_value": Conversion(None, "missing_eos_penalty is subtracted from the score instead"),
    "sanity_check": Conversion(None, "leave it out, and pass a small dataset"),
}


def _with_batch(
    findings: list[Finding], names: frozenset[str], code: str | None, note: str, ours: str | None = None
) -> list[Finding]:
    """Put the whole batch at the first of its options; the others then only have to go."""
    first = next(finding for finding in findings if finding.name in names)
    gone = f"leave it out: the line of {first.name} converts the batch"
    ours = code if ours is None else ours
    whole = replace(first, write=code, note=note, rldk=None if ours is None else f"create_ppo_config({ours})")
    return [
        finding
        if finding.name not in names
        else whole
        if finding is first
        else replace(finding, write=None, note=gone, rldk=None)
        for finding in findings
    ]


class _Expression:
    """The value of something that is not a literal."""


_EXPRESSION = _Expression()


def _literal(node: ast.expr) -> object:
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError):
        return _EXPRESSION
    try:
        hash(value)
    except TypeError:
        return _EXPRESSION
    return value
