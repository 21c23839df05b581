"""Value heads: add one to a language model, and find the weights of one in a checkpoint."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rldk.integrations.trl.models.kinds import KnownModel
from rldk.integrations.trl.releases.generations import Generation
from rldk.integrations.trl.releases.importing import import_or_explain

# Weight files of every transformers release. Indexes come first: they list tensor names without loading weights.
_INDEXES = ("model.safetensors.index.json", "pytorch_model.bin.index.json")
_WEIGHTS = ("model.safetensors", "pytorch_model.bin")
_PREFIX = "v_head."
_HUB_ARGUMENTS = ("cache_dir", "revision")


def put_value_head(generation: Generation, model: KnownModel, head: Mapping[str, Any] | None = None) -> Any:
    """Wrap a plain model in TRL's value-head wrapper.

    Args:
        generation: The PPO of the installed release.
        model: A language model with or without an encoder, or a ``PeftModel`` around one.
        head: The weights of the value head. The head is new if this is None or empty.
    """
    encoder_decoder = model.is_encoder_decoder
    wrapper_class = generation.value_head_of_encoder_decoders if encoder_decoder else generation.value_head
    with _hidden_size_shown(getattr(model.inner, "config", None)):
        wrapper = wrapper_class.from_pretrained(model.given)
    if head:
        wrapper.v_head.load_state_dict(dict(head))
    return wrapper


@contextmanager
def _hidden_size_shown(config: Any) -> Iterator[None]:
    """Within the context, show ``hidden_size`` of a nested text config (Gemma 3) where TRL's value head reads it.

    TRL fails without it until 1.4.0 (``UnboundLocalError``, huggingface/trl#3546, #3828).
    """
    size = getattr(getattr(config, "text_config", None), "hidden_size", None)
    if size is None or hasattr(config, "hidden_size"):
        yield
        return
    config.hidden_size = size
    try:
        yield
    finally:
        del config.hidden_size


def saved_value_head(model_name: str | None, **hub_arguments: Any) -> dict[str, Any]:
    """Return the value head's weights in a checkpoint of a value-head wrapper; empty if it does not contain any.

    Reads safetensors and pickled weights, in one file or in shards, and the file that TRL writes next to a PEFT
    adapter.

    Args:
        model_name: A folder, or a Hub id that was loaded before. Nothing is downloaded.
        **hub_arguments: The arguments of ``from_pretrained``. Only ``revision`` and ``cache_dir`` are used.
    """
    if not model_name:  # a model that was created from a config has the name ""
        return {}
    hub = {name: hub_arguments[name] for name in _HUB_ARGUMENTS if hub_arguments.get(name) is not None}
    for name in _INDEXES:
        index = _find(model_name, name, hub)
        if index is not None:
            weights = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
            shards = {shard for key, shard in weights.items() if key.startswith(_PREFIX)}
            return _head(file for shard in sorted(shards) if (file := _find(model_name, shard, hub)) is not None)
    return _head(file for name in _WEIGHTS if (file := _find(model_name, name, hub)) is not None)


def _find(model_name: str, file_name: str, hub: Mapping[str, Any]) -> Path | None:
    folder = Path(model_name)
    if folder.is_dir():
        return folder / file_name if (folder / file_name).is_file() else None
    try:
        found = import_or_explain("huggingface_hub").try_to_load_from_cache(model_name, file_name, **hub)
    except ValueError:  # not a Hub id either
        return None
    return Path(found) if isinstance(found, str) else None


def _head(files: Iterator[Path]) -> dict[str, Any]:
    """Return the value head's tensors from the first of ``files`` that contains any."""
    for file in files:
        tensors = dict(_tensors(file))
        if tensors:
            return tensors
    return {}


def _tensors(file: Path) -> Iterator[tuple[str, Any]]:
    if file.suffix == ".safetensors":
        with import_or_explain("safetensors").safe_open(str(file), framework="pt") as weights:
            for name in weights.keys():  # noqa: SIM118  # not a mapping
                if name.startswith(_PREFIX):
                    yield name.removeprefix(_PREFIX), weights.get_tensor(name)
        return
    torch = import_or_explain("torch")
    try:
        weights = torch.load(file, map_location="cpu", weights_only=True, mmap=True)
    except (RuntimeError, TypeError):  # a pickle from before torch 1.6, or a torch that cannot map files
        weights = torch.load(file, map_location="cpu", weights_only=True)
    for name, tensor in weights.items():
        if name.startswith(_PREFIX):
            yield name.removeprefix(_PREFIX), tensor.clone()
