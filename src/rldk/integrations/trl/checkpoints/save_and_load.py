"""Save a PPO run, whole or not at all, and go on with it in a fresh trainer."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rldk.integrations.trl.checkpoints.training_state import restore_training_state, training_state
from rldk.integrations.trl.releases.importing import import_or_explain
from rldk.integrations.trl.releases.installed import installed_version
from rldk.integrations.trl.releases.quiet import third_party_warnings
from rldk.integrations.trl.releases.trainers import api_of, reference_of, tokenizer_of

VALUE_MODEL = "value_model"
_ABOUT, _STATE, _TENSORS = "ppo_checkpoint.json", "trainer_state.json", "training_state.pt"
_FORMAT = 1


def save_ppo_checkpoint(trainer: Any, folder: str | os.PathLike[str]) -> None:
    """Write everything that a run needs to go on, on any release and through either API.

    ``folder`` holds the policy in Hugging Face format (an adapter, where it is a PEFT model) with the tokenizer, in
    the step API with the value head along with it, in the train API with the value model under ``value_model/``:
    `create_ppo_trainer` takes both up. Beside them the state of the run: trainable parameters as they are, optimizer,
    schedule, KL controller, counters, position in the dataset, random generators. The reference model is not in it.

    A folder that is an older checkpoint is replaced; the new one is written beside it first.

    Args:
        trainer: from `create_ppo_trainer`.
        folder: where to; made here.

    Raises:
        FileExistsError: ``folder`` holds something that is no checkpoint of this function.
        ValueError: the run is on several processes, of which only one would be saved.
    """
    folder = Path(folder)
    if trainer.accelerator.num_processes > 1:
        raise ValueError(
            f"save_ppo_checkpoint: the run is on {trainer.accelerator.num_processes} processes, of which it saves the "
            f"random state of one only: use accelerate's save_state there"
        )
    if folder.exists() and any(folder.iterdir()) and not (folder / _ABOUT).is_file():
        raise FileExistsError(f"save_ppo_checkpoint: {folder} holds other files than a checkpoint: give another one")
    _refuse_foreign(trainer)
    folder.parent.mkdir(parents=True, exist_ok=True)
    for left in folder.parent.glob(f".{folder.name}.*.partial"):  # of a save that was killed
        shutil.rmtree(left, ignore_errors=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".partial", dir=folder.parent))
    try:
        with third_party_warnings():
            _write(trainer, partial)
        partial.chmod(folder.parent.stat().st_mode & 0o777)
        if folder.exists():
            old = partial.with_name(f".{folder.name}.old.partial")
            folder.rename(old)
            partial.rename(folder)
            shutil.rmtree(old)
        else:
            partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def load_ppo_checkpoint(trainer: Any, folder: str | os.PathLike[str]) -> None:
    """Put a fresh trainer where the saved one was: `run_ppo` then goes on as if it had never stopped.

    The trainer is made as the saved one was: the same models (their trained weights come from the checkpoint), the
    same reference model, config, dataset and reward. Nothing is changed where the checkpoint does not fit.

    Args:
        trainer: from `create_ppo_trainer`, of the API that the saved one had.
        folder: of `save_ppo_checkpoint`.

    Raises:
        FileNotFoundError: ``folder`` is no such checkpoint.
        ValueError: its API, its parameters or its dataset are not this trainer's.
    """
    folder = Path(folder)
    if not (folder / _ABOUT).is_file():
        raise FileNotFoundError(
            f"load_ppo_checkpoint: {folder} was not written by save_ppo_checkpoint (it has no {_ABOUT}); TRL's own "
            f"checkpoints lack the value model: give such a folder to create_ppo_trainer to start from its policy"
        )
    about = json.loads((folder / _ABOUT).read_text(encoding="utf-8"))
    if (about["format"], about["api"]) != (_FORMAT, api_of(trainer)):
        raise ValueError(
            f"load_ppo_checkpoint: {folder} is of the {about['api']} API (TRL {about['trl']}, format "
            f"{about['format']}), this trainer of the {api_of(trainer)} API (format {_FORMAT}): use one of that API"
        )
    _refuse_foreign(trainer)
    saved = import_or_explain("torch").load(folder / _TENSORS, map_location="cpu", weights_only=True)
    try:
        restore_training_state(trainer, saved)
    except ValueError as error:
        raise ValueError(f"load_ppo_checkpoint: {folder} does not fit this trainer: {error}") from error
    state = json.loads((folder / _STATE).read_text(encoding="utf-8"))
    for name in vars(trainer.state).keys() & state.keys() - {"stateful_callbacks"}:
        setattr(trainer.state, name, state[name])
    if about["ref_model"] != _reference_digest(trainer):
        warnings.warn(
            f"load_ppo_checkpoint: the reference model is not the one that {folder} was trained against, so KL is "
            f"measured from another policy: give create_ppo_trainer the ref_model of the first run",
            stacklevel=2,
        )


def saved_value_model(model_name: str | None) -> str | None:
    """The folder of the value model in the checkpoint ``model_name``, where that is one and has it."""
    if model_name is None or not (Path(model_name) / VALUE_MODEL / "config.json").is_file():
        return None
    return str(Path(model_name) / VALUE_MODEL)


def _write(trainer: Any, folder: Path) -> None:
    policy, value_model, tokenizer = _parts(trainer)
    with ends_of_texts(policy, tokenizer):
        policy.save_pretrained(str(folder))
    tokenizer.save_pretrained(str(folder))
    if value_model is not None and hasattr(value_model, "save_pretrained"):
        value_model.save_pretrained(str(folder / VALUE_MODEL))
    elif value_model is not None:
        warnings.warn(
            f"save_ppo_checkpoint: the value model is a {type(value_model).__name__} without save_pretrained: it is "
            f"in the state of the run only, not under {VALUE_MODEL}/",
            stacklevel=4,
        )
    trainer.state.save_to_json(str(folder / _STATE))
    import_or_explain("torch").save(training_state(trainer), folder / _TENSORS)
    about = {
        "format": _FORMAT,
        "api": api_of(trainer),
        "trl": str(installed_version("trl")),
        "update": trainer.state.global_step,
        "ref_model": _reference_digest(trainer),
    }
    (folder / _ABOUT).write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")


def _refuse_foreign(trainer: Any) -> None:
    if not hasattr(trainer, "state"):  # TRL's own of the step API
        raise ValueError(
            f"this {type(trainer).__name__} was not made by create_ppo_trainer and has made no update by run_ppo, so "
            f"it counts none: make it with create_ppo_trainer"
        )


def _parts(trainer: Any) -> tuple[Any, Any, Any]:
    """Policy, value model (None in the step API, where it is the policy's own head) and tokenizer."""
    model = trainer.accelerator.unwrap_model(trainer.model)
    tokenizer = tokenizer_of(trainer)
    return (model, None, tokenizer) if api_of(trainer) == "step" else (model.policy, model.value_model, tokenizer)


def _reference_digest(trainer: Any) -> int | None:
    """A checksum of the reference model's weights; None where the policy without its adapter is the reference."""
    reference = reference_of(trainer)
    if reference is None:
        return None
    if not hasattr(trainer, "_rldk_reference"):  # it is never trained
        torch, digest = import_or_explain("torch"), 0
        for _, parameter in sorted(trainer.accelerator.unwrap_model(reference).named_parameters()):
            flat = parameter.detach().cpu().contiguous().flatten().view(torch.uint8)
            digest = zlib.crc32(flat.numpy().data, digest)
        trainer._rldk_reference = digest
    found: int = trainer._rldk_reference
    return found


@contextmanager
def ends_of_texts(policy: Any, tokenizer: Any) -> Iterator[None]:
    """Give the policy its end-of-text and padding ids back, which the train API takes off its generation config.

    What is saved without them never stops when it generates. TRL 0.9.2-0.13.0 take both off always, later releases
    the end of text where there is no ``stop_token``.
    """
    config = getattr(policy, "generation_config", None)
    before = {name: getattr(config, name, None) for name in ("eos_token_id", "pad_token_id")}
    try:
        for name, value in before.items():
            if config is not None and value is None:
                setattr(config, name, getattr(tokenizer, name))
        yield
    finally:
        for name, value in before.items():
            if config is not None:
                setattr(config, name, value)
