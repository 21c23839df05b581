"""Methods and attributes of the trainers, and attributes of the configs, between releases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from packaging.version import Version

from rldk.integrations.trl.advice.porting.finding import Finding
from rldk.integrations.trl.advice.porting.options import accepting_releases as option_accepting
from rldk.integrations.trl.advice.porting.uses import CONFIGS, PPOV2, STEP, TRAIN, Attribute
from rldk.integrations.trl.releases.boundaries import SPLITS_BATCH, TRAIN_API, in_spans


@dataclass(frozen=True)
class _Fact:
    releases: str
    """Those on which the trainer has the attribute. Cells hold this to real trainers."""
    write: str | None = None
    """The attribute to write where the trainer does not have this one."""
    note: str | None = None
    rldk: str | None = None


_RUN = "run_ppo(trainer, steps=1)"
_TRAINS = "train() generates, scores and updates; it takes no responses or scores of yours"
_INNER = "a part of the step API's update; the train API has it inside train()"
_LOOP = "the step API leaves the loop to you: generate(), score, step()"

ATTRIBUTES: Mapping[str, _Fact] = {
    "generate": _Fact(STEP, None, _TRAINS, _RUN),
    "step": _Fact(STEP, "train()", _TRAINS, _RUN),
    "log_stats": _Fact(STEP, None, "leave it out: train() reports to report_to", _RUN),
    "save_pretrained": _Fact(STEP, "save_model", "it saves the policy only", "save_ppo_checkpoint(trainer, folder)"),
    "prepare_dataloader": _Fact(STEP, "get_train_dataloader", "it takes no arguments"),
    "dataset": _Fact(STEP, "train_dataset"),
    "config": _Fact(STEP, "args"),
    "current_device": _Fact("0.4.1-0.11.4", "accelerator.device"),
    "kl_ctl": _Fact(STEP, None, "the KL coefficient is args.kl_coef, and it is fixed"),
    "is_encoder_decoder": _Fact(STEP, None, "the train API trains causal language models only"),
    "is_distributed": _Fact(STEP, "accelerator.num_processes > 1"),
    "gather_stats": _Fact(STEP, "accelerator.gather"),
    "batched_forward_pass": _Fact(STEP, None, _INNER),
    "train_minibatch": _Fact(STEP, None, _INNER),
    "compute_rewards": _Fact(STEP, None, _INNER),
    "compute_advantages": _Fact("0.5.0-0.11.4", None, _INNER),
    "loss": _Fact(STEP, None, _INNER),
    "record_step_stats": _Fact(STEP, None, _INNER),
    "prepare_model_inputs": _Fact("0.3.0-0.11.4", None, _INNER),
    "current_step": _Fact(STEP, "state.global_step"),
    "model_params": _Fact("0.5.0-0.11.4", None, _INNER),
    "running": _Fact("0.6.0-0.11.4", None, "it belongs to use_score_scaling, which is gone"),
    "train": _Fact(TRAIN, None, _LOOP, _RUN),
    "save_model": _Fact(
        TRAIN, "save_pretrained", "it saves the value head too", "save_ppo_checkpoint(trainer, folder)"
    ),
    "generate_completions": _Fact(TRAIN, None, _LOOP),
    "get_train_dataloader": _Fact(TRAIN, "dataloader"),
    "get_eval_dataloader": _Fact(TRAIN, None, "the step API evaluates nothing"),
    "train_dataset": _Fact(TRAIN, "dataset"),
    "eval_dataset": _Fact(TRAIN, None, "the step API evaluates nothing"),
    "processing_class": _Fact(TRAIN, "tokenizer"),
    "args": _Fact(TRAIN, "config"),
    "state": _Fact(TRAIN, None, _LOOP),
    "control": _Fact(TRAIN, None, _LOOP),
    "callback_handler": _Fact(TRAIN, None, "the step API has no callbacks; create_ppo_trainer runs them in run_ppo"),
    "add_callback": _Fact(
        *(TRAIN, None, "the step API has no callbacks; create_ppo_trainer runs them in run_ppo"),
        "create_ppo_trainer(callbacks=[callback])",
    ),
    "reward_model": _Fact(TRAIN, None, _LOOP),
    "value_model": _Fact(TRAIN, "model", "the value head is in the policy's wrapper"),
    "policy": _Fact("0.12.0-0.12.2", "policy_model", "before 0.12.0 the policy is trainer.model"),
    "policy_model": _Fact("0.13.0-1.12.0", "model", "in 0.12 it is trainer.policy"),
    "ref_policy": _Fact("0.12.0-0.12.2", "ref_model"),
    "ref_model": _Fact("0.2.0-0.11.4, 0.13.0-1.12.0", "ref_policy"),
}


# What any network of torch has, so that it works on trainer.model of each API.
MODULE_METHODS = frozenset(
    {"train", "eval", "training", "to", "cuda", "cpu", "half", "float", "apply", "zero_grad", "requires_grad_"}
    | {"parameters", "named_parameters", "state_dict", "load_state_dict", "modules", "named_modules", "children"}
)

# Method -> keyword -> the releases with this parameter.
METHOD_PARAMETERS: Mapping[str, Mapping[str, str]] = {
    "generate": {
        "length_sampler": "0.4.2-0.11.4",
        "batch_size": "0.4.2-0.11.4",
        "return_prompt": "0.4.2-0.11.4",
        "generate_ref_response": "0.7.3-0.11.4",
    },
    "log_stats": {"columns_to_log": "0.7.1-0.11.4"},
}


def runs(use: Attribute, version: Version) -> bool:
    """Whether the use works on a release, as far as that is known."""
    if use.owner in CONFIGS:
        known = option_accepting(use.name, use.owner)
        return known is None or use.set_to is not None or in_spans(version, known)
    if use.owner == "PPOv2Trainer":
        return in_spans(version, PPOV2)
    if use.name == "tokenizer":
        return in_spans(version, STEP)
    fact = _fact(use)
    needed = METHOD_PARAMETERS.get(use.name, {})
    spans = [needed[name] for name in use.keywords or () if name in needed] + ([fact.releases] if fact else [])
    return all(in_spans(version, each) for each in spans)


def _fact(use: Attribute) -> _Fact | None:
    fact = ATTRIBUTES.get(use.name)
    return None if fact is not None and use.inherits_more and fact.releases.endswith("1.12.0") else fact


def attribute_findings(use: Attribute, *, was_step: bool, target: Version) -> Iterator[Finding]:
    """Yield what changes for an attribute of a trainer or a config on ``target``."""
    if use.owner in CONFIGS:
        yield from _of_config(use, was_step=was_step, target=target)
    elif (fact := _fact(use)) is not None and not in_spans(target, fact.releases):
        yield _gone(use, fact, target)
    elif use.name == "tokenizer" and target >= TRAIN_API:
        yield _tokenizer(use, target)
    elif use.name == "model" and use.then not in {None, *MODULE_METHODS} and target >= TRAIN_API and was_step:
        yield _wrapped(use, target)
    else:
        for name, releases in METHOD_PARAMETERS.get(use.name, {}).items():
            if use.keywords and name in use.keywords and not in_spans(target, releases):
                yield _parameter(use, name, releases, target)


def _gone(use: Attribute, fact: _Fact, target: Version) -> Finding:
    write = fact.write
    if use.name == "policy" and target < TRAIN_API:
        write = "model"
    elif use.name == "policy_model" and target >= TRAIN_API:
        write = "policy"
    return Finding(
        line=use.line,
        kind="call" if use.keywords is not None else "attribute",
        name=use.name,
        problem="fails",
        says=f"PPOTrainer of TRL {target} has no {use.name} (AttributeError)",
        releases=fact.releases,
        write=None if write is None else f"{use.base}.{write}",
        note=fact.note,
        rldk=fact.rldk,
    )


def _tokenizer(use: Attribute, target: Version) -> Finding:
    return Finding(
        line=use.line,
        kind="attribute",
        name=use.name,
        problem="deprecated",
        says=f"TRL {target} calls it processing_class; the old name warns or is gone, as transformers decides",
        releases=STEP,
        write=f"{use.base}.processing_class",
    )


def _wrapped(use: Attribute, target: Version) -> Finding:
    return Finding(
        line=use.line,
        kind="attribute",
        name=use.name,
        problem="changed",
        says=f"in TRL {target} trainer.model holds two networks, policy and value_model; its methods are other ones",
        releases=STEP,
        write=f"{use.base}.model.policy",
        note=f"under `accelerate launch`: {use.base}.accelerator.unwrap_model({use.base}.model).policy",
    )


def _parameter(use: Attribute, name: str, releases: str, target: Version) -> Finding:
    note = "it goes on to the model's own generate()" if use.name == "generate" else None
    return Finding(
        line=use.line,
        kind="call",
        name=f"{use.name}({name})",
        problem="fails",
        says=f"{use.name}() of TRL {target} has no parameter {name}",
        releases=releases,
        note=f"leave it out: {note}" if note else "leave it out",
    )


def _of_config(use: Attribute, *, was_step: bool, target: Version) -> Iterator[Finding]:
    known = option_accepting(use.name, use.owner)
    if known is None or in_spans(target, option_accepting(use.name, "PPOConfig") or ""):
        if use.name in ("batch_size", "mini_batch_size") and use.set_to is None and was_step and target >= TRAIN_API:
            yield _computed(use, target)
        return
    new = _NEW_NAMES.get(use.name) if target >= TRAIN_API else _OLD_NAMES.get(use.name)
    is_set = use.set_to is not None
    yield Finding(
        line=use.line,
        kind="attribute",
        name=use.name,
        problem="ignored" if is_set else "fails",
        says=f"PPOConfig of TRL {target} has no option {use.name}"
        + (": setting it changes nothing" if is_set else " (AttributeError)"),
        releases=known,
        write=None if new is None else f"{use.base}.{new}",
        note=None if new is not None else "keep the value in a variable of your own" if not is_set else "leave it out",
    )


_NEW_NAMES: Mapping[str, str] = {
    "ppo_epochs": "num_ppo_epochs",
    "steps": "total_episodes",
    "init_kl_coef": "kl_coef",
    "log_with": "report_to",
}
_OLD_NAMES: Mapping[str, str] = {new: old for old, new in _NEW_NAMES.items()}


def _computed(use: Attribute, target: Version) -> Finding:
    micro, mini_batches = f"{use.base}.per_device_train_batch_size", f"{use.base}.num_mini_batches"
    is_batch = use.name == "batch_size"
    if target >= SPLITS_BATCH:
        write = micro if is_batch else f"{micro} // {mini_batches}"
    else:
        write = f"{micro} * {use.base}.gradient_accumulation_steps * {mini_batches}" if is_batch else micro
    return Finding(
        line=use.line,
        kind="attribute",
        name=use.name,
        problem="changed",
        says=f"in TRL {target} config.{use.name} is None until PPOTrainer computes it, for all processes together",
        releases=STEP,
        write=write,
        note="the prompts of one process, if PPOConfig is written as its own finding says",
    )
