"""Save a PPO run, completely or not at all, and continue it in a new trainer."""

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

from rldk.integrations.trl.checkpoints.training_state import (
    fitting_weights,
    process_state,
    restore_training_state,
    shared_state,
)
from rldk.integrations.trl.releases.deepspeed import has_engine
from rldk.integrations.trl.releases.importing import import_or_explain
from rldk.integrations.trl.releases.installed import installed_version
from rldk.integrations.trl.releases.processes import failing_together, from_all
from rldk.integrations.trl.releases.quiet import third_party_warnings
from rldk.integrations.trl.releases.trainers import api_of, reference_of, tokenizer_of

VALUE_MODEL = "value_model"
_ABOUT, _STATE, _TENSORS = "ppo_checkpoint.json", "trainer_state.json", "training_state.pt"
# A run on one process is saved in format 2, a run on several in format 3.
_FORMAT, _OF_SEVERAL, _READABLE = 2, 3, (1, 2, 3)
ENDS = ("eos_token_id", "pad_token_id")
REMEMBERED_ENDS = "_rldk_ends_of_texts"
"""On a trainer: name -> the id or ids that the policy had, and what TRL's constructor left."""


def save_ppo_checkpoint(trainer: Any, folder: str | os.PathLike[str]) -> None:
    """Save everything that a run needs to continue, on any release and either API.

    ``folder`` contains the policy in Hugging Face format (only the adapter if it is a PEFT model) and the tokenizer.
    The value head is saved with the policy (step API), or the value model under ``value_model/`` (train API);
    `create_ppo_trainer` loads either. Next to them is the state of the run: optimizer, learning-rate schedule, KL
    controller, counters, position in the dataset, random number generators, and trainable parameters that the model
    files do not have bit for bit. The reference model is not saved.

    An existing checkpoint in ``folder`` is replaced after the new one is complete.

    On several processes (DistributedDataParallel) every process must call it, with the same folder. The main process
    writes all files, with the position, the random numbers and the counters of each process. If one process fails,
    all of them raise an error and nothing is written.

    Args:
        trainer: From `create_ppo_trainer`.
        folder: The folder to write; created if it does not exist.

    Raises:
        FileExistsError: ``folder`` contains files but no checkpoint of this function.
        ValueError: The trainer has no state to save, a part of it is not a plain value, or the run uses DeepSpeed.
        OtherProcessError: Another process failed.
    """
    with failing_together(trainer.accelerator, "save_ppo_checkpoint"):
        _refuse_foreign(trainer)
        _refuse_deepspeed(trainer, "save_ppo_checkpoint", "trainer.accelerator.save_state")
        own = process_state(trainer)
    states = from_all(trainer.accelerator, own)
    with failing_together(trainer.accelerator, "save_ppo_checkpoint"):
        if trainer.accelerator.is_main_process:
            _save(trainer, Path(folder), states)


def _save(trainer: Any, folder: Path, states: list[dict[str, Any]]) -> None:
    if folder.exists() and any(folder.iterdir()) and not (folder / _ABOUT).is_file():
        raise FileExistsError(
            f"save_ppo_checkpoint: {folder} contains files that are not a checkpoint: use another folder"
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    for left in folder.parent.glob(f".{folder.name}.*.partial"):  # left by a save that was killed
        shutil.rmtree(left, ignore_errors=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".partial", dir=folder.parent))
    try:
        with third_party_warnings():
            _write(trainer, partial, states)
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
    """Restore a saved run into a new trainer. `run_ppo` then continues as if the run had never stopped.

    Create the trainer like the saved one: with the same models (their trained weights come from the checkpoint),
    reference model, config, dataset and reward. If the checkpoint does not fit, the trainer stays as it was.

    A run on several processes continues on as many. Every process must call this, and must be able to read the folder.

    Args:
        trainer: From `create_ppo_trainer`, with the same API as the saved one.
        folder: The folder passed to `save_ppo_checkpoint`.

    Raises:
        FileNotFoundError: ``folder`` is not a checkpoint of `save_ppo_checkpoint`.
        ValueError: The checkpoint's API, number of processes, parameters or dataset do not match the trainer's, its
            model files were changed, or the run uses DeepSpeed.
        OtherProcessError: Another process failed.
    """
    folder, accelerator = Path(folder), trainer.accelerator
    with failing_together(accelerator, "load_ppo_checkpoint"):
        _refuse_deepspeed(trainer, "load_ppo_checkpoint", "trainer.accelerator.load_state")
        about = _about(trainer, folder)
        saved = import_or_explain("torch").load(folder / _TENSORS, map_location="cpu", weights_only=True)
        with _named(folder):
            weights = fitting_weights(trainer, saved, folder)
    with failing_together(accelerator, "load_ppo_checkpoint"), _named(folder):
        own = saved if accelerator.process_index == 0 else saved["others"][accelerator.process_index - 1]
        restore_training_state(trainer, weights, saved, own)
    state = json.loads((folder / _STATE).read_text(encoding="utf-8"))
    for name in vars(trainer.state).keys() & state.keys() - {"stateful_callbacks"}:
        setattr(trainer.state, name, state[name])
    if accelerator.is_main_process and about["ref_model"] != _reference_digest(trainer):
        warnings.warn(
            f"load_ppo_checkpoint: the reference model is not the one that {folder} was trained with, so KL will be "
            f"measured against a different model: pass the ref_model of the first run to create_ppo_trainer",
            stacklevel=2,
        )


@contextmanager
def _named(folder: Path) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise ValueError(f"load_ppo_checkpoint: {folder} does not fit this trainer: {error}") from error


def _about(trainer: Any, folder: Path) -> dict[str, Any]:
    """Return what a checkpoint says of itself, if this trainer can continue it."""
    if not (folder / _ABOUT).is_file():
        raise FileNotFoundError(
            f"load_ppo_checkpoint: {folder} was not written by save_ppo_checkpoint (it has no {_ABOUT}); TRL's own "
            f"checkpoints do not contain the value model: to start from their policy, pass the folder to "
            f"create_ppo_trainer"
        )
    about: dict[str, Any] = json.loads((folder / _ABOUT).read_text(encoding="utf-8"))
    if about["format"] not in _READABLE or about["api"] != api_of(trainer):
        raise ValueError(
            f"load_ppo_checkpoint: {folder} is from the {about['api']} API (TRL {about['trl']}, format "
            f"{about['format']}), but this trainer has the {api_of(trainer)} API (formats {_FORMAT} and "
            f"{_OF_SEVERAL}): use a checkpoint from that API"
        )
    saved, running = about.get("processes", 1), trainer.accelerator.num_processes
    if saved != running:
        raise ValueError(
            f"load_ppo_checkpoint: {folder} was saved by a run on {saved} process{'es' * (saved > 1)}, but this run "
            f"is on {running}: start it on {saved}, because each process has its own prompts and random numbers"
        )
    _refuse_foreign(trainer)
    return about


def saved_value_model(model_name: str | None) -> str | None:
    """Return the folder of the value model in the checkpoint ``model_name``; None if there is none."""
    if model_name is None or not (Path(model_name) / VALUE_MODEL / "config.json").is_file():
        return None
    return str(Path(model_name) / VALUE_MODEL)


def _write(trainer: Any, folder: Path, states: list[dict[str, Any]]) -> None:
    policy, value_model, tokenizer = _parts(trainer)
    with ends_of_texts(trainer, policy):
        policy.save_pretrained(str(folder))
    tokenizer.save_pretrained(str(folder))
    if value_model is not None and hasattr(value_model, "save_pretrained"):
        value_model.save_pretrained(str(folder / VALUE_MODEL))
    elif value_model is not None:
        warnings.warn(
            f"save_ppo_checkpoint: the value model is a {type(value_model).__name__} without save_pretrained, so it "
            f"is not saved under {VALUE_MODEL}/: only load_ppo_checkpoint can restore its weights",
            stacklevel=4,
        )
    trainer.state.save_to_json(str(folder / _STATE))
    main, *others = states
    state = {**shared_state(trainer, folder), **main, **({"others": others} if others else {})}
    import_or_explain("torch").save(state, folder / _TENSORS)
    about = {
        "format": _OF_SEVERAL if others else _FORMAT,
        **({"processes": len(states)} if others else {}),
        "api": api_of(trainer),
        "trl": str(installed_version("trl")),
        "update": trainer.state.global_step,
        "ref_model": _reference_digest(trainer),
    }
    (folder / _ABOUT).write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")


def _refuse_foreign(trainer: Any) -> None:
    if not hasattr(trainer, "state"):  # a step API trainer that only TRL has touched
        raise ValueError(
            f"this {type(trainer).__name__} has no state to save or restore, because neither create_ppo_trainer "
            f"created it nor run_ppo ran it: create it with create_ppo_trainer"
        )


def _refuse_deepspeed(trainer: Any, function: str, instead: str) -> None:
    """Refuse a run of DeepSpeed: the optimizer, and with ZeRO-3 the weights too, are spread over the processes."""
    if has_engine(trainer.accelerator):
        raise ValueError(f"{function}: the run uses DeepSpeed, which has its own kind of checkpoint: use {instead}")


def _parts(trainer: Any) -> tuple[Any, Any, Any]:
    """Return policy, value model and tokenizer. In the step API the value model is None: the policy has a head."""
    model = trainer.accelerator.unwrap_model(trainer.model)
    tokenizer = tokenizer_of(trainer)
    return (model, None, tokenizer) if api_of(trainer) == "step" else (model.policy, model.value_model, tokenizer)


def _reference_digest(trainer: Any) -> int | None:
    """Return a checksum of the reference model's weights; None if the policy without its adapter is the reference."""
    reference = reference_of(trainer)
    if reference is None:
        return None
    if not hasattr(trainer, "_rldk_reference"):  # cached: the reference model is never trained
        torch, digest = import_or_explain("torch"), 0
        for _, parameter in sorted(trainer.accelerator.unwrap_model(reference).named_parameters()):
            flat = parameter.detach().cpu().contiguous().flatten().view(torch.uint8)
            digest = zlib.crc32(flat.numpy().data, digest)
        trainer._rldk_reference = digest
    found: int = trainer._rldk_reference
    return found


@contextmanager
def ends_of_texts(trainer: Any, policy: Any) -> Iterator[None]:
    """Within the context, put back the EOS and padding ids that the train API removes from the generation config.

    A policy saved without them never stops generating. TRL 0.9.2-0.13.0 always remove both; later releases remove the
    EOS id if there is no ``stop_token``, or replace several with one. `create_ppo_trainer` remembers the ids. The
    tokenizer's are used for another trainer, and ids that were set since are kept.
    """
    config = getattr(policy, "generation_config", None)
    tokenizer = tokenizer_of(trainer)
    ends = {name: (getattr(tokenizer, name), None) for name in ENDS} | vars(trainer).get(REMEMBERED_ENDS, {})
    before = {name: getattr(config, name, None) for name in ENDS}
    try:
        for name, (own, left_by_trl) in ends.items():
            if config is not None and before[name] == left_by_trl:
                setattr(config, name, own)
        yield
    finally:
        for name, value in before.items():
            if config is not None:
                setattr(config, name, value)
