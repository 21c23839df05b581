"""Check the models of a PPO setup for what will fail with the installed TRL."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rldk.integrations.trl.checks.config import batch_size
from rldk.integrations.trl.checks.setup import CheckedSetup, Finding, vocabulary_size
from rldk.integrations.trl.models.aliases import ValueHeadAliases
from rldk.integrations.trl.models.kinds import KnownModel
from rldk.integrations.trl.rewards.models import check_takes_ids


def check_policy(setup: CheckedSetup) -> Iterator[Finding]:
    """Check that the policy is of a kind that the constructor and the rollout of this release can use."""
    policy = setup.policy
    if not hasattr(policy.given, "parameters"):
        yield Finding("issue", f"model must be a model, got {policy.name}: load one with prepare_models_for_ppo")
    elif not setup.is_train:
        yield from _wrapper_wanted("model", policy, setup)
    elif policy.is_wrapper:
        if not isinstance(policy.given, ValueHeadAliases):
            yield _wrapper_as_policy(setup)
    elif not hasattr(policy.given, "generation_config"):
        yield Finding(
            "issue",
            f"model ({policy.name}) has no generation_config, but {setup.trl} reads it: use a causal language model",
        )


def _wrapper_wanted(part: str, known: KnownModel, setup: CheckedSetup) -> Iterator[Finding]:
    if not known.is_wrapper:
        yield Finding(
            "issue",
            f"{part} must be a value-head wrapper for the step API of {setup.trl}, got {known.name}: wrap it with "
            f"AutoModelForCausalLMWithValueHead.from_pretrained({part}), or let create_ppo_trainer do it",
            "plain-model-in-the-step-api",
        )
    elif setup.generation.reads_peft_flag and not hasattr(known.given, "is_peft_model"):
        yield Finding(
            "issue",
            f"{part} ({known.name}) was created by its constructor and has no is_peft_model, which {setup.trl} reads "
            f"(huggingface/trl#858): use from_pretrained, or call fix_generation_config({part}, tokenizer)",
            "wrapper-from-its-constructor",
        )
    else:
        kinds = [setup.generation.value_head, setup.generation.value_head_of_encoder_decoders]
        wanted = kinds[known.is_encoder_decoder]
        if isinstance(known.given, kinds[not known.is_encoder_decoder]):
            has = "has" if known.is_encoder_decoder else "does not have"
            yield Finding(
                "issue",
                f"{part} is an {known.name}, but the {type(known.inner).__name__} in it {has} an encoder: "
                f"use {wanted.__name__}.from_pretrained",
            )


def _wrapper_as_policy(setup: CheckedSetup) -> Finding:
    model, reads = setup.model, ["generation_config", "logits"]
    failure = "wrapper-output-without-logits"
    if setup.generation.reads_checkpointing_flag:
        reads.insert(1, "is_gradient_checkpointing")
        if not hasattr(model, "is_gradient_checkpointing"):
            failure = "wrapper-without-gradient-checkpointing-flag"
    if not hasattr(model, "generation_config"):
        failure = "wrapper-without-generation-config"
    reads = [name for name in reads if not hasattr(model, name)]
    return Finding(
        "issue",
        f"model is a value-head wrapper ({setup.policy.name}) without {' and '.join(reads)}, which {setup.trl} reads "
        f"(huggingface/trl#2340, #2718): call fix_generation_config(model, tokenizer), or let create_ppo_trainer "
        f"unwrap it",
        failure,
    )


def check_checkpointing(setup: CheckedSetup) -> Iterator[Finding]:
    """Check that TRL can turn off the policy's gradient checkpointing for generation."""
    if not setup.is_train or not getattr(setup.model, "is_gradient_checkpointing", False):
        return
    if setup.generation.fails_at_checkpointing:
        yield Finding(
            "issue",
            f"model has gradient checkpointing on, and {setup.trl} fails with it (huggingface/trl#4954): "
            f"call model.gradient_checkpointing_disable(), or use TRL 1.0.0 or newer",
            "policy-with-gradient-checkpointing",
        )


def check_reference_model(setup: CheckedSetup) -> Iterator[Finding]:
    """Check that there is a reference model, that it is not the policy, and that it is of the right kind."""
    if setup.ref_model is None:
        if not setup.generation.builds_reference_model:
            yield Finding(
                "issue",
                f"ref_model is None, and {setup.trl} does not create one (huggingface/trl#2353): pass a copy of model",
                "reference-model-none",
            )
    elif setup.ref_model is setup.model:
        text = "model and ref_model are the same object, so their KL is always 0: pass a copy of model as ref_model"
        if setup.generation.refuses_policy_as_reference:
            yield Finding("issue", text, "reference-is-the-policy")
        else:
            yield Finding("warning", text)
    elif not setup.is_train:
        yield from _wrapper_wanted("ref_model", setup.reference, setup)


def check_reward_model(setup: CheckedSetup) -> Iterator[Finding]:
    """Check that the reward model returns one score per text, in the form that this release reads."""
    if setup.reward_model is None:
        if setup.is_train:  # a program of the step API may score its responses itself
            yield Finding(
                "issue", "reward_model is None: pass a sequence classifier with num_labels=1, or a function of texts"
            )
    elif not setup.reward.is_function:
        yield from _scorer("reward_model", setup.reward, setup)
    elif setup.is_train:
        yield Finding(
            "issue",
            f"reward_model is a function, but {setup.trl} needs a module (huggingface/trl#2273): "
            f"pass it to create_ppo_trainer, which adapts it",
            "function-as-reward-model",
        )


def check_value_model(setup: CheckedSetup) -> Iterator[Finding]:
    """Check that the train API has a value model that returns one value per token."""
    if not setup.is_train:
        if setup.value_model is not None:
            yield Finding(
                "warning",
                f"value_model is not used by the step API of {setup.trl}: the policy has its own value head",
            )
    elif setup.value_model is None:
        yield Finding(
            "issue",
            f"value_model is None, and {setup.trl} fails without one (huggingface/trl#1976): "
            f"let create_ppo_trainer build one",
            "value-model-none",
        )
    else:
        yield from _scorer("value_model", setup.value, setup)


def _scorer(part: str, known: KnownModel, setup: CheckedSetup) -> Iterator[Finding]:
    problem = _train_scorer(part, known, setup) if setup.is_train else _step_scorer(part, known)
    problem = problem or _vocabulary(part, known, setup)
    if problem is not None:
        yield problem


def _train_scorer(part: str, known: KnownModel, setup: CheckedSetup) -> Finding | None:
    model = known.given
    prefix = getattr(model, "base_model_prefix", None)
    missing = [
        attribute or "part under its empty base_model_prefix"
        for attribute in ("base_model_prefix", prefix, "score")
        if isinstance(attribute, str) and not hasattr(model, attribute)
    ]
    if missing:
        advice = (
            f"call fix_generation_config({part}, tokenizer)"
            if known.is_wrapper
            else "use AutoModelForSequenceClassification with num_labels=1"
        )
        return Finding(
            "issue",
            f"{part} ({known.name}) has no {' and no '.join(missing)}, which {setup.trl} reads "
            f"(huggingface/trl#1977, #2718): {advice}",
            "scorer-without-score" if missing == ["score"] else "scorer-without-base-model-prefix",
        )
    if known.is_peft and not known.is_wrapper:
        backbone = getattr(model, str(prefix))  # around a Llama this is the whole classifier
        if hasattr(backbone, "score") and backbone.config.pad_token_id is None and batch_size(setup) != 1:
            return Finding(
                "issue",
                f"{part} ({known.name}) has no pad token in its config, and {setup.trl} calls the whole "
                f"{type(backbone).__name__} in it: set {part}.config.pad_token_id = tokenizer.pad_token_id",
            )
    labels = getattr(model.score, "out_features", 1)
    return None if labels == 1 else _labels(f"{part} ({known.name})", labels, "scorer-with-two-labels")


def _step_scorer(part: str, known: KnownModel) -> Finding | None:
    # `run_ppo` reads `.logits`, whatever the head is called. Only a language model's logits are not scores.
    model = known.given
    if known.is_wrapper:
        return None
    if getattr(model, "get_output_embeddings", lambda: None)() is not None:
        return Finding(
            "issue",
            f"{part} ({known.name}) is a language model, which does not return scores: use "
            f"AutoModelForSequenceClassification with num_labels=1, or a function of texts",
        )
    try:
        check_takes_ids(known)
    except TypeError as error:
        return Finding("issue", str(error))
    labels = getattr(getattr(model, "config", None), "num_labels", 1)
    return None if labels == 1 else _labels(part, labels, None)


def _labels(part: str, labels: Any, failure: str | None) -> Finding:
    text = f"{part} has {labels} labels, but PPO needs one score per text: load it with num_labels=1"
    return Finding("issue", text, failure)


def _vocabulary(part: str, known: KnownModel, setup: CheckedSetup) -> Finding | None:
    """Check that this model has embeddings for the token ids that the policy reads and writes."""
    rows = vocabulary_size(known)
    # Tokens that were added to the tokenizer may never occur, and padding is not passed to a model.
    sizes = [size for size in (getattr(setup.tokenizer, "vocab_size", None), vocabulary_size(setup.policy)) if size]
    if rows is None or not sizes or not all(isinstance(size, int) for size in sizes) or rows >= min(sizes):
        return None
    return Finding(
        "issue",
        f"{part} ({known.name}) has embeddings for {rows} tokens, but the policy uses {min(sizes)} "
        f"(huggingface/trl#3595): use a model with the policy's tokenizer, or a function of texts",
        "reward-model-of-another-vocabulary" if setup.is_train else None,
    )
