"""Load, wrap and unwrap the models that PPO trains with, keeping their weights."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any, NamedTuple

from rldk.integrations.trl.models.generation_config import fix_generation_config, is_value_head_wrapper
from rldk.integrations.trl.models.lora import adapter_base, is_peft_model, load_adapter, refuse_peft
from rldk.integrations.trl.models.value_head import is_encoder_decoder, put_value_head, saved_value_head
from rldk.integrations.trl.releases.generations import Generation, import_or_explain, installed_generation
from rldk.integrations.trl.releases.quiet import third_party_warnings

# What `AutoConfig.from_pretrained` shares with a model's: where the files are found.
_CONFIG_ARGUMENTS = frozenset(
    {"cache_dir", "code_revision", "force_download", "local_files_only", "revision", "subfolder", "token"}
    | {"trust_remote_code", "use_auth_token"}
)


class PPOModels(NamedTuple):
    """What `prepare_models_for_ppo` returns."""

    model: Any
    """The policy: a value-head wrapper for the step API, a causal language model for the train API."""
    ref_model: Any
    """The reference model: of the policy's kind, with the same weights."""
    reward_model: Any
    """A sequence classifier with ``num_labels=1``; its head is fresh where the checkpoint holds none."""
    tokenizer: Any


def load_tokenizer(model_name: str) -> Any:
    """The model's tokenizer, padding on the left as the train API needs, with a pad token that is not EOS.

    Masks are computed as ``!= pad_token_id`` in every generation, so pad == eos hides real ends of text
    (huggingface/trl#5303). Where the tokenizer has no pad token it gets one, and the models that
    `prepare_models_for_ppo` loads get a row for it.
    """
    base = adapter_base(model_name)
    if base is not None and not (Path(model_name) / "tokenizer_config.json").is_file():
        model_name = base  # an adapter is often saved without its tokenizer
    with third_party_warnings():
        tokenizer = import_or_explain("transformers").AutoTokenizer.from_pretrained(model_name)
        if tokenizer.pad_token_id is None:
            tokenizer.add_special_tokens({"pad_token": "[PAD]"})
    tokenizer.padding_side = "left"
    return tokenizer


def prepare_models_for_ppo(
    model_name: str, tokenizer: Any = None, generation_config: Any = None, **from_pretrained_kwargs: Any
) -> PPOModels:
    """Load policy, reference and reward model of the kinds that the installed TRL wants.

    Step API (TRL 0.2.0-0.11.4): two mended value-head wrappers, with the value head that the checkpoint
    holds or a fresh one; around encoder-decoders too. Train API (0.12.0-1.12.0): two causal language models; a value
    head in the checkpoint goes to the value model of `create_ppo_trainer`. The reward model is a sequence classifier
    with one label in both. A folder with a PEFT adapter is loaded with its base model, and only the adapter trains.

    Args:
        model_name: a Hub id or a folder.
        tokenizer: the models' tokenizer; loaded from ``model_name`` where it is None.
        generation_config: for policy and reference model; each gets a copy. Default: see
            `fix_generation_config`.
        **from_pretrained_kwargs: given to every ``from_pretrained``, e.g. ``torch_dtype`` or ``revision``.

    Raises:
        ImportError: TRL is missing, broken or has no PPO.
        OSError: transformers finds no model under ``model_name``.
        ValueError: ``model_name`` is an encoder-decoder and the train API is installed.
        TypeError: ``model_name`` is a PEFT adapter and the release is before 0.4.0.
    """
    generation = installed_generation()
    if tokenizer is None:
        tokenizer = load_tokenizer(model_name)
    policy, reference = (
        load_policy(generation, model_name, tokenizer, copy.deepcopy(generation_config), **from_pretrained_kwargs)
        for _ in range(2)
    )
    reward = load_classifier(model_name, tokenizer, **from_pretrained_kwargs)
    return PPOModels(policy, reference, reward, tokenizer)


def load_policy(generation: Generation, model_name: str, tokenizer: Any, generation_config: Any, **kwargs: Any) -> Any:
    """A language model from ``model_name``, wrapped and mended where the step API needs it.

    A value head that the checkpoint holds becomes the wrapper's; a PEFT adapter in it is trained further.
    """
    with third_party_warnings():
        model = _load_language_model(generation, model_name, tokenizer, kwargs)
        if generation.api == "step":
            model = put_value_head(generation, model, saved_value_head(model_name, **kwargs))
        return as_policy(generation, model, tokenizer, generation_config)


def _load_language_model(generation: Generation, model_name: str, tokenizer: Any, kwargs: dict[str, Any]) -> Any:
    transformers = import_or_explain("transformers")
    base = adapter_base(model_name)
    if base is not None:
        refuse_peft(generation, f"{model_name} is a PEFT adapter")
    name = model_name if base is None else base
    config = kwargs.get("config") or transformers.AutoConfig.from_pretrained(
        name, **{key: value for key, value in kwargs.items() if key in _CONFIG_ARGUMENTS}
    )
    if is_encoder_decoder(config):
        _refuse_encoder(generation, config)
        model = transformers.AutoModelForSeq2SeqLM.from_pretrained(name, **kwargs)
    else:
        model = transformers.AutoModelForCausalLM.from_pretrained(name, **kwargs)
    fit_embeddings(model, tokenizer)
    return model if base is None else load_adapter(model, model_name)


def _refuse_encoder(generation: Generation, model_or_config: Any) -> None:
    if generation.api == "train" and is_encoder_decoder(model_or_config):
        kind = getattr(
            getattr(model_or_config, "config", model_or_config), "model_type", type(model_or_config).__name__
        )
        raise ValueError(
            f"TRL {generation.version} (train API) cannot train an encoder-decoder ({kind}): prompt and response are "
            f"one sequence there; use a decoder-only model, or the step API of TRL 0.2.0-0.11.4"
        )


def load_classifier(model_name: str, tokenizer: Any, **kwargs: Any) -> Any:
    """A sequence classifier with one label from ``model_name``: what reward and value models are in TRL.

    Where transformers has none for the architecture (GPT-NeoX before 4.28, T5 before 4.32), a mended value-head
    wrapper instead, which answers to the same names.
    """
    with third_party_warnings():
        transformers = import_or_explain("transformers")
        name = adapter_base(model_name) or model_name
        try:
            model = transformers.AutoModelForSequenceClassification.from_pretrained(name, num_labels=1, **kwargs)
        except ValueError as error:
            if "Unrecognized configuration class" not in str(error):
                raise
            generation = installed_generation()
            model = put_value_head(generation, _load_language_model(generation, name, tokenizer, kwargs))
            return as_scorer(model, tokenizer)
        fit_embeddings(model, tokenizer)
    model.config.pad_token_id = tokenizer.pad_token_id  # it finds the last token by it
    return model


def fit_embeddings(model: Any, tokenizer: Any) -> None:
    """Give the model a row for each token that was added to the tokenizer, and never take one away."""
    if len(tokenizer) > model.get_input_embeddings().weight.shape[0]:
        model.resize_token_embeddings(len(tokenizer))


def as_policy(generation: Generation, model: Any, tokenizer: Any, generation_config: Any = None) -> Any:
    """``model`` as this generation's policy or reference model: wrapped or unwrapped, weights kept.

    The step API accepts nothing but a value-head wrapper, and the train API reads ``.logits`` of what the policy
    returns and calls its ``generate``: there the wrapper's inner model is the policy.

    Raises:
        ValueError: an encoder-decoder for the train API.
        TypeError: a ``PeftModel`` for a release that takes none.
    """
    with third_party_warnings():
        if is_peft_model(model):
            refuse_peft(generation, "model is a PeftModel")
        if generation.api == "step":
            if not is_value_head_wrapper(model):
                model = put_value_head(generation, model, saved_value_head(getattr(model, "name_or_path", None)))
        elif is_value_head_wrapper(model):
            model = model.pretrained_model
        _refuse_encoder(generation, model)
    return fix_generation_config(model, tokenizer, generation_config)


def as_scorer(model: Any, tokenizer: Any) -> Any:
    """``model`` with what TRL reads from reward and value models (``base_model_prefix``, backbone, ``score``)."""
    return fix_generation_config(model, tokenizer) if is_value_head_wrapper(model) else model


def build_value_model(generation: Generation, policy: Any, tokenizer: Any, model_name: str | None) -> Any:
    """A value model for the train API, which never worked without one (huggingface/trl#1976).

    Args:
        generation: the installed release's PPO.
        policy: gives the value model its weights where it is a value-head wrapper, a PEFT model, or came from a
            checkpoint with a value head; None for a value model that was saved to ``model_name`` by itself.
        tokenizer: of the policy.
        model_name: where the policy came from; None for one that exists only in memory.

    Returns:
        A copy of the policy with its own value head, or that of its checkpoint, weights kept; else a sequence
        classifier from ``model_name`` with a fresh head, or a copy of the policy with a fresh head. Of a PEFT policy
        the copy trains its adapter and its head only.
    """
    with third_party_warnings():
        if is_value_head_wrapper(policy):
            return as_scorer(copy.deepcopy(policy), tokenizer)
        source = getattr(policy, "name_or_path", None) if model_name is None else model_name
        head = saved_value_head(source)
        if policy is None and head:
            policy = _load_language_model(generation, str(source), tokenizer, {})
        elif policy is None or (model_name is not None and not head and not is_peft_model(policy)):
            return load_classifier(str(model_name), tokenizer)
        return as_scorer(put_value_head(generation, copy.deepcopy(policy), head), tokenizer)
