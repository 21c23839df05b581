"""Load the models for PPO, of the kinds that the installed generation needs."""

from __future__ import annotations

import copy
import inspect
from pathlib import Path
from typing import Any, NamedTuple

from rldk.integrations.trl.models.convert import as_policy, as_scorer, refuse_encoder_decoder
from rldk.integrations.trl.models.kinds import KnownModel, classify, is_encoder_decoder
from rldk.integrations.trl.models.lora import adapter_base, load_adapter, refuse_peft
from rldk.integrations.trl.models.value_head import put_value_head, saved_value_head
from rldk.integrations.trl.releases.deepspeed import gathered, whole_shape
from rldk.integrations.trl.releases.generations import Generation, installed_generation
from rldk.integrations.trl.releases.importing import import_or_explain
from rldk.integrations.trl.releases.quiet import third_party_warnings

# Arguments about where files are found, which `AutoConfig.from_pretrained` shares with the models'.
_CONFIG_ARGUMENTS = frozenset(
    {"cache_dir", "code_revision", "force_download", "local_files_only", "revision", "subfolder", "token"}
    | {"trust_remote_code", "use_auth_token"}
)


class PPOModels(NamedTuple):
    """The result of `prepare_models_for_ppo`."""

    model: Any
    """The policy: a value-head wrapper for the step API, a causal language model for the train API."""
    ref_model: Any
    """The reference model, of the same kind as the policy and with the same weights."""
    reward_model: Any
    """A sequence classifier with ``num_labels=1``. Its head is new if the checkpoint does not contain one."""
    tokenizer: Any


def load_tokenizer(model_name: str, **kwargs: Any) -> Any:
    """Load the model's tokenizer, with padding on the left as the train API needs, and with a pad token.

    A tokenizer without a pad token gets a new one, and the models that `prepare_models_for_ppo` loads get an embedding
    for it: the mean of the others. EOS is not used as the pad token, because every generation masks what equals
    ``pad_token_id`` and real ends of text would be masked too (huggingface/trl#5303).

    Args:
        model_name: A Hub id or a folder.
        **kwargs: As passed to the models' ``from_pretrained``. Those that say where the files are found are used.
    """
    base = adapter_base(model_name)
    if base is not None and not (Path(model_name) / "tokenizer_config.json").is_file():
        model_name = base  # an adapter is often saved without its tokenizer
    with third_party_warnings():
        tokenizer = import_or_explain("transformers").AutoTokenizer.from_pretrained(
            model_name, **{key: value for key, value in kwargs.items() if key in _CONFIG_ARGUMENTS}
        )
        if tokenizer.pad_token_id is None:
            tokenizer.add_special_tokens({"pad_token": "[PAD]"})
    tokenizer.padding_side = "left"
    return tokenizer


def prepare_models_for_ppo(
    model_name: str, tokenizer: Any = None, generation_config: Any = None, **from_pretrained_kwargs: Any
) -> PPOModels:
    """Load the policy, reference model and reward model of the kinds that the installed TRL needs.

    With the step API (TRL 0.2.0-0.11.4), policy and reference model are value-head wrappers fixed by
    `fix_generation_config`, with the value head of the checkpoint or a new one. Encoder-decoders are supported. With
    the train API (0.12.0-1.12.0), they are causal language models; `create_ppo_trainer` uses a value head in the
    checkpoint for the value model. The reward model is a sequence classifier with one label. A folder with a PEFT
    adapter is loaded with its base model, and only the adapter trains.

    Args:
        model_name: A Hub id or a folder.
        tokenizer: The tokenizer of the models. Default: loaded from ``model_name``.
        generation_config: For the policy and the reference model; each gets a copy. Default: see
            `fix_generation_config`.
        **from_pretrained_kwargs: Passed to every ``from_pretrained``, e.g. ``torch_dtype`` or ``revision``.

    Raises:
        ImportError: TRL is missing, broken or has no PPO.
        OSError: transformers finds no model under ``model_name``.
        ValueError: ``model_name`` is an encoder-decoder and the train API is installed.
        TypeError: ``model_name`` is a PEFT adapter and the release is older than 0.4.0.
    """
    generation = installed_generation()
    if tokenizer is None:
        tokenizer = load_tokenizer(model_name, **from_pretrained_kwargs)
    policy, reference = (
        load_policy(generation, model_name, tokenizer, copy.deepcopy(generation_config), **from_pretrained_kwargs)
        for _ in range(2)
    )
    reward = load_classifier(model_name, tokenizer, **from_pretrained_kwargs)
    return PPOModels(policy.given, reference.given, reward.given, tokenizer)


def load_policy(
    generation: Generation, model_name: str, tokenizer: Any, generation_config: Any, **kwargs: Any
) -> KnownModel:
    """Load a language model from ``model_name``; wrap and fix it for the step API.

    The wrapper gets the value head of the checkpoint, if there is one. A PEFT adapter in it can be trained further.
    """
    with third_party_warnings():
        model = load_language_model(generation, model_name, tokenizer, kwargs)
        if generation.api == "step":
            model = classify(put_value_head(generation, model, saved_value_head(model_name, **kwargs)))
        return as_policy(generation, model, tokenizer, generation_config)


def load_language_model(generation: Generation, model_name: str, tokenizer: Any, kwargs: dict[str, Any]) -> KnownModel:
    """Load a language model, or an adapter with its base model, with an embedding for each token of the tokenizer.

    Raises:
        ValueError: It is an encoder-decoder and the generation has the train API.
        TypeError: It is a PEFT adapter and the release does not support PEFT.
    """
    transformers = import_or_explain("transformers")
    base = adapter_base(model_name)
    if base is not None:
        refuse_peft(generation, f"{model_name} is a PEFT adapter")
    name = model_name if base is None else base
    config = kwargs.get("config") or transformers.AutoConfig.from_pretrained(
        name, **{key: value for key, value in kwargs.items() if key in _CONFIG_ARGUMENTS}
    )
    if is_encoder_decoder(config):
        refuse_encoder_decoder(generation, config, type(config).__name__)
        model = transformers.AutoModelForSeq2SeqLM.from_pretrained(name, **kwargs)
    else:
        model = transformers.AutoModelForCausalLM.from_pretrained(name, **kwargs)
    fit_embeddings(model, tokenizer)
    return classify(model if base is None else load_adapter(model, model_name))


def load_classifier(model_name: str, tokenizer: Any, **kwargs: Any) -> KnownModel:
    """Load a sequence classifier with one label, TRL's kind of reward and value model, from ``model_name``.

    If transformers has no classifier for the architecture (GPT-NeoX before 4.28, T5 before 4.32), load a value-head
    wrapper instead and fix it, so that it has the same attributes.
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
            language_model = load_language_model(generation, name, tokenizer, kwargs)
            return as_scorer(classify(put_value_head(generation, language_model)), tokenizer)
        fit_embeddings(model, tokenizer)
    model.config.pad_token_id = tokenizer.pad_token_id  # the classifier uses it to find the last token
    return classify(model)


def fit_embeddings(model: Any, tokenizer: Any) -> None:
    """Grow the model's embeddings to the size of the tokenizer. Never shrink them.

    Each new row is the mean of the old rows, so policy and reference model are equal and a new token is as unlikely as
    the average token. A random row has a logit near 0. All logits of GPT-2 are far below 0, so it would generate
    nothing but that token.
    """
    old = whole_shape(model.get_input_embeddings().weight)[0]
    if len(tokenizer) <= old:
        return
    options = {}
    if "mean_resizing" in inspect.signature(model.resize_token_embeddings).parameters:
        options["mean_resizing"] = False  # draws rows around the mean, different ones in each model
    model.resize_token_embeddings(len(tokenizer), **options)
    torch = import_or_explain("torch")
    layers = [layer for layer in (model.get_input_embeddings(), model.get_output_embeddings()) if layer is not None]
    parameters = [
        rows for layer in layers for rows in (layer.weight, getattr(layer, "bias", None)) if rows is not None
    ]
    with torch.no_grad(), gathered(parameters, changes=True):
        for rows in parameters:
            rows[old:] = rows[:old].mean(dim=0, dtype=torch.float32)
