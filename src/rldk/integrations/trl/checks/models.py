"""What the installed TRL will read from the models of a PPO setup."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from rldk.integrations.trl.checks.setup import CheckedSetup, Finding, vocabulary_size
from rldk.integrations.trl.models.aliases import ValueHeadAliases
from rldk.integrations.trl.models.generation_config import is_value_head_wrapper
from rldk.integrations.trl.releases.installed import code_of
from rldk.integrations.trl.rewards.scoring import is_reward_function


def check_policy(setup: CheckedSetup) -> Iterator[Finding]:
    """The policy is of the kind that this release's constructor and rollout can use."""
    model, name = setup.model, type(setup.model).__name__
    if not hasattr(model, "parameters"):
        yield Finding("issue", f"model must be a model, got {name}: load one with prepare_models_for_ppo")
    elif not setup.is_train:
        if not is_value_head_wrapper(model):
            yield Finding(
                "issue",
                f"model must be a value-head wrapper for the step API of {setup.trl}, got {name}: wrap it with "
                f"AutoModelForCausalLMWithValueHead.from_pretrained(model), or let create_ppo_trainer do it",
                "plain-model-in-the-step-api",
            )
    elif is_value_head_wrapper(model):
        if not isinstance(model, ValueHeadAliases):
            yield _wrapper_as_policy(setup)
    elif not hasattr(model, "generation_config"):
        yield Finding(
            "issue", f"model ({name}) has no generation_config, which {setup.trl} reads: use a causal language model"
        )


def _wrapper_as_policy(setup: CheckedSetup) -> Finding:
    model, reads = setup.model, ["generation_config", "logits"]
    failure = "wrapper-output-without-logits"
    pair = _policy_and_value(setup)
    if pair is not None and "is_gradient_checkpointing" in code_of(pair):
        reads.insert(1, "is_gradient_checkpointing")
        if not hasattr(model, "is_gradient_checkpointing"):
            failure = "wrapper-without-gradient-checkpointing-flag"
    if not hasattr(model, "generation_config"):
        failure = "wrapper-without-generation-config"
    reads = [name for name in reads if not hasattr(model, name)]
    return Finding(
        "issue",
        f"model is a value-head wrapper ({type(model).__name__}) and {setup.trl} reads {' and '.join(reads)} that "
        f"it lacks (huggingface/trl#2340, #2718): call fix_generation_config(model, tokenizer), or let "
        f"create_ppo_trainer unwrap it",
        failure,
    )


def _policy_and_value(setup: CheckedSetup) -> Any:
    """TRL's module that holds policy and value model together, where this release has it."""
    return getattr(sys.modules[setup.generation.trainer.__module__], "PolicyAndValueWrapper", None)


def check_checkpointing(setup: CheckedSetup) -> Iterator[Finding]:
    """A checkpointing policy can be told to stop for generation."""
    if not setup.is_train or not getattr(setup.model, "is_gradient_checkpointing", False):
        return
    # TRL 0.22.0-0.29.1 ask the pair of policy and value model to stop checkpointing, which it cannot.
    pair = _policy_and_value(setup)
    if pair is None or hasattr(pair, "gradient_checkpointing_disable"):
        return
    if "is_gradient_checkpointing" in code_of(pair):
        yield Finding(
            "issue",
            f"model has gradient checkpointing on, at which {setup.trl} fails (huggingface/trl#4954): "
            f"call model.gradient_checkpointing_disable(), or use TRL 1.0.0 or newer",
            "policy-with-gradient-checkpointing",
        )


def check_reference_model(setup: CheckedSetup) -> Iterator[Finding]:
    """The reference model is there, apart from the policy, and of the right kind."""
    if setup.ref_model is None:
        # The forms that call it `ref_policy` (PPOv2, 0.12) do not build one.
        if setup.generation.names.get("ref_model") == "ref_policy":
            yield Finding(
                "issue",
                f"ref_model is None, and {setup.trl} builds none (huggingface/trl#2353): pass a copy of model",
                "reference-model-none",
            )
    elif setup.ref_model is setup.model:
        text = "model and ref_model are the same object, so the KL to the reference is always 0: pass a copy"
        if setup.is_train and "cannot be the same object" in code_of(setup.generation.trainer):
            yield Finding("issue", text, "reference-is-the-policy")
        else:
            yield Finding("warning", text)
    elif not setup.is_train and not is_value_head_wrapper(setup.ref_model):
        yield Finding(
            "issue",
            f"ref_model must be a value-head wrapper for the step API of {setup.trl}, got "
            f"{type(setup.ref_model).__name__}: wrap it, or let create_ppo_trainer do it",
            "plain-model-in-the-step-api",
        )


def check_reward_model(setup: CheckedSetup) -> Iterator[Finding]:
    """The reward model gives one score a text, in the way that this release asks for it."""
    if setup.reward_model is None:
        yield Finding(
            "issue", "reward_model is None: pass a sequence classifier with num_labels=1, or a function of texts"
        )
    elif is_reward_function(setup.reward_model):
        if setup.is_train:
            yield Finding(
                "issue",
                f"reward_model is a function, in which {setup.trl} looks for modules (huggingface/trl#2273): "
                f"give it to create_ppo_trainer, which adapts it",
                "function-as-reward-model",
            )
    else:
        yield from _scorer("reward_model", setup.reward_model, setup)


def check_value_model(setup: CheckedSetup) -> Iterator[Finding]:
    """The train API has a value model and it gives one value a token."""
    if not setup.is_train:
        if setup.value_model is not None:
            yield Finding(
                "warning",
                f"value_model is not used by the step API of {setup.trl}: the policy has its own value head",
            )
    elif setup.value_model is None:
        yield Finding(
            "issue",
            f"value_model is None, at which {setup.trl} fails (huggingface/trl#1976): "
            f"let create_ppo_trainer build one",
            "value-model-none",
        )
    else:
        yield from _scorer("value_model", setup.value_model, setup)


def _scorer(part: str, model: Any, setup: CheckedSetup) -> Iterator[Finding]:
    problem = _train_scorer(part, model, setup) if setup.is_train else _step_scorer(part, model)
    problem = problem or _vocabulary(part, model, setup)
    if problem is not None:
        yield problem


def _train_scorer(part: str, model: Any, setup: CheckedSetup) -> Finding | None:
    name = type(model).__name__
    prefix = getattr(model, "base_model_prefix", None)
    missing = [
        attribute
        for attribute in ("base_model_prefix", prefix, "score")
        if isinstance(attribute, str) and not hasattr(model, attribute)
    ]
    if missing:
        advice = (
            f"call fix_generation_config({part}, tokenizer)"
            if is_value_head_wrapper(model)
            else "use AutoModelForSequenceClassification with num_labels=1"
        )
        return Finding(
            "issue",
            f"{part} ({name}) has no {' and no '.join(missing)}, which {setup.trl} reads "
            f"(huggingface/trl#1977, #2718): {advice}",
            "scorer-without-score" if missing == ["score"] else "scorer-without-base-model-prefix",
        )
    labels = getattr(model.score, "out_features", 1)
    return None if labels == 1 else _labels(f"{part} ({name})", labels, "scorer-with-two-labels")


def _step_scorer(part: str, model: Any) -> Finding | None:
    # Here `run_ppo` reads `.logits`, whatever the head is called; only a language model's are no scores.
    if is_value_head_wrapper(model):
        return None
    if getattr(model, "get_output_embeddings", lambda: None)() is not None:
        return Finding(
            "issue",
            f"{part} ({type(model).__name__}) is a language model and has no score: use "
            f"AutoModelForSequenceClassification with num_labels=1, or a function of texts",
        )
    labels = getattr(getattr(model, "config", None), "num_labels", 1)
    return None if labels == 1 else _labels(part, labels, None)


def _labels(part: str, labels: Any, failure: str | None) -> Finding:
    return Finding(
        "issue", f"{part} has {labels} labels, PPO wants one score a text: load it with num_labels=1", failure
    )


def _vocabulary(part: str, model: Any, setup: CheckedSetup) -> Finding | None:
    """The ids that the policy reads and writes are ids of this model too."""
    rows = vocabulary_size(model)
    # Tokens that were added to the tokenizer need never occur, and padding is not shown to a model.
    known = [size for size in (getattr(setup.tokenizer, "vocab_size", None), vocabulary_size(setup.model)) if size]
    if rows is None or not known or not all(isinstance(size, int) for size in known) or rows >= min(known):
        return None
    return Finding(
        "issue",
        f"{part} ({type(model).__name__}) has embeddings for {rows} tokens and the policy writes {min(known)} "
        f"(huggingface/trl#3595): use one of the policy's tokenizer, or a function of texts",
        "reward-model-of-another-vocabulary" if setup.is_train else None,
    )
