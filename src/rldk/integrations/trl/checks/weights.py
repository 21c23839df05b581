"""Check where the weights of a PPO setup are, which of them train, and how many positions they have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rldk.integrations.trl.checks.setup import CheckedSetup, Finding
from rldk.integrations.trl.models.kinds import KnownModel, classify
from rldk.integrations.trl.releases.generations import Generation
from rldk.integrations.trl.releases.importing import import_or_explain
from rldk.integrations.trl.releases.model_code import needs_token_types

_WEIGHTS = ("plain", "wrapper")


def check_weights(setup: CheckedSetup) -> Iterator[Finding]:
    """Check that all weights are loaded, on one device."""
    parts = {
        "model": setup.policy,
        "ref_model": setup.reference,
        "reward_model": setup.reward,
        "value_model": setup.value,
    }
    for part, known in parts.items():
        unloaded = _not_loaded(setup.generation, part, known)
        if unloaded is not None:
            yield Finding("issue", unloaded)
            continue
        placed = [getattr(model, "hf_device_map", None) for model in (known.given, known.inner)]
        devices = {str(device) for found in placed if isinstance(found, dict) for device in found.values()}
        if len(devices) > 1:
            yield Finding(
                "warning",
                f"{part} ({known.name}) is spread over the devices {', '.join(sorted(devices))} by a device_map, "
                f"which is not tested with TRL's PPO: load it on one device",
            )


def refuse_unloaded(generation: Generation, **parts: Any) -> None:
    """Refuse models that are not loaded, before they are copied or wrapped, which fails.

    Raises:
        ValueError: TRL cannot use the weights of a part where they are.
    """
    for part, model in parts.items():
        unloaded = _not_loaded(generation, part, classify(model))
        if unloaded is not None:
            raise ValueError(f"create_ppo_trainer: {unloaded}")


def _not_loaded(generation: Generation, part: str, known: KnownModel) -> str | None:
    """Return a line that says which weights of a model are not loaded, or None if all are.

    TRL cannot move such weights. If accelerate keeps some on a disk, the train API runs and never trains them. The
    step API does not move a reward model, and accelerate loads its weights when it scores.
    """
    hooked = generation.api == "step" and part == "reward_model" and hasattr(known.given, "hf_device_map")
    if known.kind not in _WEIGHTS or hooked:
        return None
    weights = list(known.given.parameters())
    missing = sum(weight.device.type == "meta" for weight in weights)
    if not missing:
        return None
    return (
        f"{part} ({known.name}) has {missing} of {len(weights)} weights on the meta device, because they were never "
        f"loaded, or because a device_map offloads them: load the whole model on one device"
    )


def check_trainable(setup: CheckedSetup) -> Iterator[Finding]:
    """Check that the policy has weights that train, and that the reward model does not train as the value model."""
    if setup.is_train and setup.value_model is not None and setup.value_model is setup.reward_model:
        yield Finding(
            "warning",
            "value_model and reward_model are the same object, so training the value model changes the rewards: pass "
            "a copy as value_model",
        )
    head = getattr(setup.value_model, "score", None) if setup.is_train and setup.value.kind in _WEIGHTS else None
    if (
        head is not None
        and hasattr(head, "parameters")
        and not any(weight.requires_grad for weight in head.parameters())
    ):
        yield Finding(
            "warning",
            f"the head of value_model ({setup.value.name}) does not train: for a PeftModel use task_type='SEQ_CLS', "
            f"otherwise call value_model.score.requires_grad_(True)",
        )
    if setup.policy.kind not in _WEIGHTS:
        return
    if not any(weight.requires_grad for weight in setup.policy.inner.parameters()):
        head_trains = setup.is_train or any(weight.requires_grad for weight in setup.model.parameters())
        yield Finding(
            "warning" if head_trains else "issue",
            "no weight of model requires a gradient, so "
            + ("only the value estimates would be trained" if head_trains else f"{setup.trl} has nothing to optimize")
            + ": call model.requires_grad_(True), or pass a peft_config to create_ppo_trainer",
        )


def check_positions(setup: CheckedSetup) -> Iterator[Finding]:
    """Check that prompts and responses are not longer than what the models have positions for."""
    if setup.train_dataset is None or setup.train_ids.problem is not None:
        return
    prompt = setup.train_ids.longest
    response = getattr(setup.config, "response_length", None)
    response = response if isinstance(response, int) else 0
    too_short: dict[tuple[int, bool], list[str]] = {}
    for part, known in {"model": setup.policy, "reward_model": setup.reward, "value_model": setup.value}.items():
        limit, is_fixed = _positions(known) if known.kind in _WEIGHTS else (None, False)
        longest = max(prompt, response) if known.is_encoder_decoder else prompt + response
        if limit is not None and longest > limit:
            too_short.setdefault((limit, is_fixed), []).append(f"{part} ({known.name})")
    for (limit, is_fixed), parts in too_short.items():
        yield Finding(
            "issue" if is_fixed else "warning",
            f"the longest prompt has {prompt} tokens"
            + (f" and response_length is {response}" if response else "")
            + f", but {' and '.join(parts)} {'can use only' if is_fixed else 'was trained on'} {limit} positions: "
            + "shorten the prompts"
            + (" or lower response_length" if response else ""),
        )


def _positions(known: KnownModel) -> tuple[int | None, bool]:
    """Return how many positions a model's config names, and whether it fails beyond them: it has a table of them."""
    config = getattr(known.inner, "config", None)
    limit = getattr(getattr(config, "text_config", config), "max_position_embeddings", None)
    if not isinstance(limit, int):
        return None, False
    tokens = known.inner.get_input_embeddings()
    for module in known.inner.modules():
        # OPT's table has two rows more; RoBERTa's begins after its padding.
        if isinstance(module, import_or_explain("torch").nn.Embedding) and module is not tokens:
            if module.num_embeddings == limit + 2:
                return limit, True
            if module.num_embeddings == limit:
                return limit - (0 if module.padding_idx is None else module.padding_idx + 1), True
    return limit, False


def check_token_types(setup: CheckedSetup) -> Iterator[Finding]:
    """Check that the models train without ``token_type_ids``: not Gemma 3 with images, in some transformers 5."""
    if not setup.is_train:
        return
    for part, known in {"model": setup.policy, "value_model": setup.value}.items():
        kind: Any = type(known.inner)
        if hasattr(getattr(known.inner, "config", None), "text_config") and needs_token_types(kind):
            transformers = import_or_explain("transformers")
            yield Finding(
                "issue",
                f"{part} ({known.name}) of transformers {transformers.__version__} needs token_type_ids to train, "
                f"which {setup.trl} does not pass: use its text model alone, or another transformers",
            )
