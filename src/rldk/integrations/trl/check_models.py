"""What the installed TRL will read from the models of a PPO setup."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from typing import Any

from rldk.integrations.trl.aliases import ValueHeadAliases
from rldk.integrations.trl.checked_setup import CheckedSetup, Finding
from rldk.integrations.trl.generation_config import is_value_head_wrapper
from rldk.integrations.trl.reward import is_reward_function


def check_policy(setup: CheckedSetup) -> Iterator[Finding]:
    """The policy is of the kind that this release's constructor and rollout can use."""
    model, name = setup.model, type(setup.model).__name__
    if not hasattr(model, "parameters"):
        yield "issue", f"model must be a model, got {name}: load one with prepare_models_for_ppo"
    elif not setup.is_train:
        if not is_value_head_wrapper(model):
            yield (
                "issue",
                (
                    f"model must be a value-head wrapper for the step API of {setup.trl}, got {name}: wrap it with "
                    f"AutoModelForCausalLMWithValueHead.from_pretrained(model), or let create_ppo_trainer do it"
                ),
            )
    elif is_value_head_wrapper(model):
        if not isinstance(model, ValueHeadAliases):
            yield (
                "issue",
                (
                    f"model is a value-head wrapper ({name}) and {setup.trl} reads generation_config and logits that "
                    f"it lacks (huggingface/trl#2340, #2718): call fix_generation_config(model, tokenizer), or let "
                    f"create_ppo_trainer unwrap it"
                ),
            )
    elif not hasattr(model, "generation_config"):
        yield (
            "issue",
            f"model ({name}) has no generation_config, which {setup.trl} reads: use a causal language model",
        )


def check_checkpointing(setup: CheckedSetup) -> Iterator[Finding]:
    """A checkpointing policy can be told to stop for generation."""
    if not setup.is_train or not getattr(setup.model, "is_gradient_checkpointing", False):
        return
    # TRL 0.22.0-0.29.1 ask the pair of policy and value model to stop checkpointing, which it cannot.
    pair = getattr(sys.modules[setup.generation.trainer.__module__], "PolicyAndValueWrapper", None)
    if pair is None or hasattr(pair, "gradient_checkpointing_disable"):
        return
    if "is_gradient_checkpointing" in inspect.getsource(pair):
        yield (
            "issue",
            (
                f"model has gradient checkpointing on, at which {setup.trl} fails (huggingface/trl#4954): "
                f"call model.gradient_checkpointing_disable(), or use TRL 1.0.0 or newer"
            ),
        )


def check_reference_model(setup: CheckedSetup) -> Iterator[Finding]:
    """The reference model is there, apart from the policy, and of the right kind."""
    if setup.ref_model is None:
        # The form that calls it `ref_policy` (0.12) does not build one.
        if setup.generation.names.get("ref_model") == "ref_policy":
            yield (
                "issue",
                f"ref_model is None, and {setup.trl} builds none (huggingface/trl#2353): pass a copy of model",
            )
    elif setup.ref_model is setup.model:
        text = "model and ref_model are the same object, so the KL to the reference is always 0: pass a copy"
        yield ("issue" if setup.is_train else "warning"), text
    elif not setup.is_train and not is_value_head_wrapper(setup.ref_model):
        yield (
            "issue",
            (
                f"ref_model must be a value-head wrapper for the step API of {setup.trl}, got "
                f"{type(setup.ref_model).__name__}: wrap it, or let create_ppo_trainer do it"
            ),
        )


def check_reward_model(setup: CheckedSetup) -> Iterator[Finding]:
    """The reward model gives one score a text, in the way that this release asks for it."""
    if setup.reward_model is None:
        yield (
            "issue",
            "reward_model is None: pass a sequence classifier with num_labels=1, or a function of texts",
        )
    elif is_reward_function(setup.reward_model):
        if setup.is_train:
            yield (
                "issue",
                (
                    f"reward_model is a function, in which {setup.trl} looks for modules (huggingface/trl#2273): "
                    f"give it to create_ppo_trainer, which adapts it"
                ),
            )
    else:
        yield from _scorer("reward_model", setup.reward_model, setup)


def check_value_model(setup: CheckedSetup) -> Iterator[Finding]:
    """The train API has a value model and it gives one value a token."""
    if not setup.is_train:
        if setup.value_model is not None:
            yield (
                "warning",
                f"value_model is not used by the step API of {setup.trl}: the policy has its own value head",
            )
    elif setup.value_model is None:
        yield (
            "issue",
            (
                f"value_model is None, at which {setup.trl} fails (huggingface/trl#1976): "
                f"let create_ppo_trainer build one"
            ),
        )
    else:
        yield from _scorer("value_model", setup.value_model, setup)


def _scorer(part: str, model: Any, setup: CheckedSetup) -> Iterator[Finding]:
    name = type(model).__name__
    if not setup.is_train:
        yield from _step_scorer(part, model)
        return
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
        yield (
            "issue",
            (
                f"{part} ({name}) has no {' and no '.join(missing)}, which {setup.trl} reads "
                f"(huggingface/trl#1977, #2718): {advice}"
            ),
        )
        return
    labels = getattr(model.score, "out_features", 1)
    if labels != 1:
        yield (
            "issue",
            f"{part} ({name}) has {labels} labels, PPO wants one score a text: load it with num_labels=1",
        )


def _step_scorer(part: str, model: Any) -> Iterator[Finding]:
    # Here `run_ppo` reads `.logits`, whatever the head is called; only a language model's are no scores.
    if is_value_head_wrapper(model):
        return
    if getattr(model, "get_output_embeddings", lambda: None)() is not None:
        yield (
            "issue",
            (
                f"{part} ({type(model).__name__}) is a language model and has no score: use "
                f"AutoModelForSequenceClassification with num_labels=1, or a function of texts"
            ),
        )
    elif getattr(getattr(model, "config", None), "num_labels", 1) != 1:
        yield (
            "issue",
            f"{part} has {model.config.num_labels} labels, PPO wants one score a text: load it with num_labels=1",
        )
