"""The value model of the train API. The train API never worked without one (huggingface/trl#1976)."""

from __future__ import annotations

from typing import Any

from rldk.integrations.trl.models.convert import as_scorer
from rldk.integrations.trl.models.kinds import KnownModel, classify
from rldk.integrations.trl.models.load import load_classifier, load_language_model
from rldk.integrations.trl.models.value_head import put_value_head, saved_value_head
from rldk.integrations.trl.releases.deepspeed import copied
from rldk.integrations.trl.releases.generations import Generation
from rldk.integrations.trl.releases.importing import import_or_explain
from rldk.integrations.trl.releases.quiet import third_party_warnings


def value_model_for(
    generation: Generation,
    given: KnownModel | None,
    policy: KnownModel,
    tokenizer: Any,
    model_name: str | None,
    **kwargs: Any,
) -> KnownModel:
    """Create the value model for a policy.

    Args:
        generation: The PPO of the installed release.
        given: The policy as the caller passed it. If it is a wrapper, its value head is used. None if the policy was
            loaded from ``model_name``.
        policy: The policy as it will be trained.
        tokenizer: The tokenizer of the policy.
        model_name: Where the policy was loaded from. None for a policy that exists only in memory.
        **kwargs: Passed to ``from_pretrained`` if the value model is loaded.

    Returns:
        A copy of the policy with the value head of the wrapper or of the policy's checkpoint. Without such a head, a
        sequence classifier from ``model_name`` or a copy of the policy, with a new head. In a copy of a PEFT policy
        only the adapter and the head train. A copy has no output layer, unless it shares the input embeddings' weight.
    """
    with third_party_warnings():
        if given is not None and given.is_wrapper:
            if given.inner is policy.given:
                return as_scorer(classify(_copy(given.given, given.inner)), tokenizer)
            # `peft_config` added an adapter to the policy.
            wrapper = put_value_head(generation, classify(_copy(policy.given, policy.inner)))
            wrapper.v_head = copied(given.head)
            return as_scorer(classify(wrapper), tokenizer)
        if given is not None:
            model_name = None  # it may name a different model than the one passed
        head = saved_value_head(getattr(policy.given, "name_or_path", None) if model_name is None else model_name)
        if model_name is not None and not head and not policy.is_peft:
            return load_classifier(model_name, tokenizer, **kwargs)
        wrapper = put_value_head(generation, classify(_copy(policy.given, policy.inner)), head)
        return as_scorer(classify(wrapper), tokenizer)


def load_value_model(generation: Generation, folder: str, tokenizer: Any, **kwargs: Any) -> KnownModel:
    """Load a value model that was saved separately to ``folder``, with its trained head."""
    with third_party_warnings():
        head = saved_value_head(folder)
        if not head:
            return load_classifier(folder, tokenizer, **kwargs)
        model = load_language_model(generation, folder, tokenizer, kwargs)
        if _untied_output_layer(model.inner) is not None:
            model.inner.set_output_embeddings(import_or_explain("torch").nn.Identity())
        return as_scorer(classify(put_value_head(generation, model, head)), tokenizer)


def freeze_unused(value: KnownModel) -> None:
    """Freeze the output layer of a value-head wrapper's language model, which no value depends on.

    ``DistributedDataParallel`` waits for the gradient of each trainable parameter.
    """
    layer = _untied_output_layer(value.inner) if value.is_wrapper else None
    if layer is not None:
        layer.requires_grad_(False)


def _copy(model: Any, language_model: Any) -> Any:
    """Copy a model without its language model's output layer, which would be dead weight and fail with DDP."""
    layer = _untied_output_layer(language_model)
    # `deepcopy` uses what it finds in the memo, so the layer's weights are never copied.
    return copied(model, {} if layer is None else {id(layer): import_or_explain("torch").nn.Identity()})


def _untied_output_layer(language_model: Any) -> Any:
    layer = language_model.get_output_embeddings()
    tied = layer is None or layer.weight is language_model.get_input_embeddings().weight
    return None if tied else layer
