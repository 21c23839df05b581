"""The value model of the train API, which never worked without one (huggingface/trl#1976)."""

from __future__ import annotations

import copy
from typing import Any

from rldk.integrations.trl.models.convert import as_scorer
from rldk.integrations.trl.models.kinds import KnownModel, classify
from rldk.integrations.trl.models.load import load_classifier, load_language_model
from rldk.integrations.trl.models.value_head import put_value_head, saved_value_head
from rldk.integrations.trl.releases.generations import Generation
from rldk.integrations.trl.releases.quiet import third_party_warnings


def value_model_for(
    generation: Generation, given: KnownModel | None, policy: KnownModel, tokenizer: Any, model_name: str | None
) -> KnownModel:
    """A value model beside a policy.

    Args:
        generation: the installed release's PPO.
        given: the policy as the caller gave it, whose value head is used where it is a wrapper; None where the
            policy was loaded from ``model_name``.
        policy: the policy as it will be trained.
        tokenizer: of the policy.
        model_name: where the policy came from; None for one that exists only in memory.

    Returns:
        A copy of the policy with its own value head, or that of its checkpoint, weights kept; else a sequence
        classifier from ``model_name`` with a fresh head, or a copy of the policy with a fresh head. Of a PEFT policy
        the copy trains its adapter and its head only.
    """
    with third_party_warnings():
        if given is not None and given.is_wrapper:
            if given.inner is policy.given:
                return as_scorer(classify(copy.deepcopy(given.given)), tokenizer)
            # `peft_config` put an adapter on the policy.
            wrapper = put_value_head(generation, classify(copy.deepcopy(policy.given)))
            wrapper.v_head = copy.deepcopy(given.head)
            return as_scorer(classify(wrapper), tokenizer)
        if given is not None:
            model_name = None  # it may name another model than the one that was given
        head = saved_value_head(getattr(policy.given, "name_or_path", None) if model_name is None else model_name)
        if model_name is not None and not head and not policy.is_peft:
            return load_classifier(model_name, tokenizer)
        return as_scorer(classify(put_value_head(generation, classify(copy.deepcopy(policy.given)), head)), tokenizer)


def load_value_model(generation: Generation, folder: str, tokenizer: Any) -> KnownModel:
    """A value model that was saved to ``folder`` by itself, with its trained head where it has a value head."""
    with third_party_warnings():
        head = saved_value_head(folder)
        if not head:
            return load_classifier(folder, tokenizer)
        model = load_language_model(generation, folder, tokenizer, {})
        return as_scorer(classify(put_value_head(generation, model, head)), tokenizer)
