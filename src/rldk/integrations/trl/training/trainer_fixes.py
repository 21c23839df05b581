"""Fixes for bugs of TRL's trainer classes, applied to one trainer object and never to TRL's class.

docs/patches.md lists every change that the library makes to objects of TRL or of the user.
"""

from __future__ import annotations

import collections
import collections.abc
import functools
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rldk.integrations.trl.checkpoints.save_and_load import ENDS, REMEMBERED_ENDS, ends_of_texts
from rldk.integrations.trl.data.batches import change_collators
from rldk.integrations.trl.releases.generations import Generation
from rldk.integrations.trl.releases.importing import import_or_explain
from rldk.integrations.trl.releases.trainers import has_processing_class, saves_with_metrics
from rldk.integrations.trl.training.adaptive_kl import add_adaptive_kl
from rldk.integrations.trl.training.process_fixes import fix_step_processes, fix_train_processes
from rldk.integrations.trl.training.replaced import replaced


@contextmanager
def mapping_in_trl_core() -> Iterator[None]:
    """Within the context, let TRL 0.2.0 flatten dicts with ``collections.Mapping``, which Python 3.10 removed."""
    core = import_or_explain("trl").__dict__.get("core")
    if core is None or getattr(core, "collections", None) is not collections:
        yield
        return
    # Rebinds the name in `trl.core` only; the `collections` module does not change.
    core.collections = types.SimpleNamespace(**{**vars(collections), "Mapping": collections.abc.Mapping})
    try:
        yield
    finally:
        core.collections = collections


def fix_step_trainer(generation: Generation, trainer: Any) -> None:
    """Fix a trainer of the step API. A second call changes nothing.

    Makes ``max_grad_norm`` clip at every optimizer step. TRL 0.5.0-0.11.4 keep the parameters to clip in an iterator
    that is empty after the first step (measured: tests/cell/test_config_effects.py). Also makes ``step`` work on
    0.2.0.
    """
    if generation.clips_first_step_only:
        trainer.model_params = [parameter for parameter in trainer.model.parameters() if parameter.requires_grad]
    if generation.flattens_with_collections and "step" not in vars(trainer):
        trainer.step = mapping_in_trl_core()(trainer.step)
    fix_step_processes(trainer)


def share_frozen(trainer: Any) -> None:
    """Let the reference model use the policy's own frozen parameters.

    With ``num_shared_layers``, TRL 0.2.0-0.11.4 freeze the shared layers of the policy, but the reference model keeps
    copies of them.
    """
    model, reference = (trainer.accelerator.unwrap_model(part) for part in (trainer.model, trainer.ref_model))
    frozen = {name: parameter for name, parameter in model.named_parameters() if not parameter.requires_grad}
    own = {id(copied): frozen[name] for name, copied in reference.named_parameters() if name in frozen}
    for module in reference.modules():  # not by name: a tied parameter has several
        for name, parameter in module._parameters.items():
            if id(parameter) in own:
                module._parameters[name] = own[id(parameter)]


@contextmanager
def ends_remembered(trainer: Any, policy: Any) -> Iterator[None]:
    """Remember the EOS and padding ids that TRL's constructor, called in the context, removes. See `ends_of_texts`."""
    config = getattr(policy, "generation_config", None)
    own = {name: getattr(config, name, None) for name in ENDS}
    yield
    setattr(trainer, REMEMBERED_ENDS, {name: (own[name], getattr(config, name, None)) for name in ENDS})


def fix_train_trainer(generation: Generation, trainer: Any) -> None:
    """Fix a trainer of the train API.

    ``processing_class``, the data collator, callback states, ``save_model`` and ``_save_checkpoint``. Also adds
    ``kl_ctl`` for an adaptive KL coefficient.
    """
    add_adaptive_kl(trainer)
    fix_train_processes(trainer)
    if not has_processing_class(trainer):
        trainer.processing_class = trainer.tokenizer
    _use_data_collator(trainer)
    _keep_callback_states(trainer)
    if not saves_with_metrics(trainer):
        trainer._save_checkpoint = _without_metrics(trainer._save_checkpoint)
    trainer.save_model = _with_ends_of_texts(generation, trainer.save_model, trainer)
    if _bare_model(trainer) is not trainer.model:
        for name in ("save_model", "_save_checkpoint", "create_model_card"):
            setattr(trainer, name, _with_bare_model(trainer, getattr(trainer, name)))


def _use_data_collator(trainer: Any) -> None:
    """Collate with ``data_collator``, which TRL 0.9.2-0.12.2 take and do not use."""
    if trainer.data_collator is not None:
        change_collators(trainer, lambda _: trainer.data_collator)


def _keep_callback_states(trainer: Any) -> None:
    """Register the callbacks that have a state. Newer transformers saves it; PPOv2Trainer does this from 0.11.0 on."""
    state = trainer.state
    if getattr(state, "stateful_callbacks", None) == {}:
        parts = [*trainer.callback_handler.callbacks, trainer.control]
        state.stateful_callbacks = [part for part in parts if hasattr(part, "state")]
        state.__post_init__()  # transformers turns the list into the dict that it saves


def _without_metrics(save_checkpoint: Callable[..., None]) -> Callable[..., None]:
    """Drop ``metrics``, which TRL 0.12-0.22.2 pass and transformers 4.47 no longer takes (huggingface/trl#3998)."""

    @functools.wraps(save_checkpoint)
    def save(*args: Any, metrics: None = None, **kwargs: Any) -> None:
        save_checkpoint(*args, **kwargs)

    return save


def _bare_model(trainer: Any) -> Any:
    """Return what TRL's ways to save take for the model: without ``DistributedDataParallel``, which has no ``policy``.

    DeepSpeed's engine passes attributes on, and it has to save itself.
    """
    return trainer.model if trainer.is_deepspeed_enabled else trainer.accelerator.unwrap_model(trainer.model)


def _with_bare_model(trainer: Any, save: Callable[..., None]) -> Callable[..., None]:
    """Let a way to save find ``policy`` and ``config`` on several processes (huggingface/trl#2375)."""

    @functools.wraps(save)
    def saved(*args: Any, **kwargs: Any) -> None:
        with replaced(trainer, model=_bare_model(trainer)):
            save(*args, **kwargs)

    return saved


def _with_ends_of_texts(generation: Generation, save_model: Callable[..., None], trainer: Any) -> Callable[..., None]:
    """Make ``save_model`` write the policy with the EOS and padding ids that it needs to stop generating."""

    def save(output_dir: str | None = None, _internal_call: bool = False) -> None:
        model = trainer.accelerator.unwrap_model(trainer.model)
        with ends_of_texts(trainer, model.policy):
            if not generation.saves_value_model_too:
                save_model(output_dir, _internal_call)
                return
            # TRL's own would fail for a value-head wrapper: `OrderedDict mutated during iteration`.
            with replaced(trainer, model=model.policy):
                if trainer.args.should_save:
                    trainer._save(output_dir, state_dict=model.policy.state_dict())

    return save
