"""Calls transformers callbacks around the updates of the step API, where TRL calls none."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from rldk.integrations.trl.checkpoints.save_and_load import save_ppo_checkpoint
from rldk.integrations.trl.config.create import DEFAULT_OUTPUT_DIR
from rldk.integrations.trl.releases.importing import import_or_explain
from rldk.integrations.trl.training.tracking import log_to_trackers


class StepCallbacks:
    """Gives a trainer of the step API what ``Trainer`` keeps for its callbacks: ``state``, ``control``, the handler.

    An update calls the same events in the same order as the train API: ``on_step_begin``, ``on_log`` with the
    metrics, and ``on_step_end``. If a callback set ``control.should_save``, `save_ppo_checkpoint` writes a checkpoint
    to ``output_dir/checkpoint-N``, and ``on_save`` follows. Each `run_ppo` begins with ``on_train_begin`` and ends
    with ``on_train_end``. ``control.should_training_stop`` ends the run. ``args`` is the step API's ``PPOConfig``.
    ``should_evaluate`` has no effect, as in the train API, because PPO does not evaluate.
    """

    def __init__(self, trainer: Any, callbacks: list[Any]) -> None:
        """Put ``state``, ``control``, ``callback_handler`` and ``add_callback`` on ``trainer``."""
        module = import_or_explain("transformers.trainer_callback")
        self._trainer = trainer
        trainer.state, trainer.control = module.TrainerState(), module.TrainerControl()
        trainer.callback_handler = module.CallbackHandler(
            [_flow(), *callbacks], trainer.model, trainer.tokenizer, trainer.optimizer, trainer.lr_scheduler
        )
        trainer.add_callback = trainer.callback_handler.add_callback
        trainer._rldk_callbacks = self

    @classmethod
    def of(cls, trainer: Any) -> StepCallbacks:
        """Return the trainer's callbacks; create them if `create_ppo_trainer` did not create the trainer."""
        found: StepCallbacks = getattr(trainer, "_rldk_callbacks", None) or cls(trainer, [])
        return found

    def updates(self, steps: int) -> Iterator[None]:
        """Yield once per update, ``steps`` times or until a callback stops the run. The caller calls `log` in each.

        Raises:
            TypeError: A callback reads an option that only the train API's config has.
        """
        trainer, state = self._trainer, self._trainer.state
        state.is_local_process_zero = trainer.accelerator.is_local_main_process
        state.is_world_process_zero = trainer.accelerator.is_main_process
        state.max_steps = state.global_step + steps
        trainer.callback_handler.train_dataloader = trainer.dataloader
        self._call("on_train_begin")
        for _ in range(steps):
            self._call("on_step_begin")
            yield
            self._call("on_step_end")
            if trainer.control.should_save:
                folder = os.path.join(getattr(trainer.config, "output_dir", DEFAULT_OUTPUT_DIR), "checkpoint-")
                save_ppo_checkpoint(trainer, f"{folder}{state.global_step}")
                self._call("on_save")
            if trainer.control.should_training_stop:
                break
        self._call("on_train_end")

    def log(self, metrics: Mapping[str, Any]) -> None:
        """Count the update and pass its scalar metrics to the trackers and the callbacks."""
        state = self._trainer.state
        state.global_step += 1
        logs = {name: float(value) for name, value in metrics.items() if _is_number(value)}
        dataset = self._trainer.dataset
        batch = self._trainer.config.batch_size * self._trainer.accelerator.num_processes
        if hasattr(dataset, "__len__"):
            state.epoch = state.global_step * batch / len(dataset)
        state.log_history.append({**logs, "step": state.global_step})
        log_to_trackers(self._trainer, logs)
        self._call("on_log", logs)

    def _call(self, event: str, *arguments: Any) -> None:
        trainer = self._trainer
        try:
            trainer.control = getattr(trainer.callback_handler, event)(
                trainer.config, trainer.state, trainer.control, *arguments
            )
        except AttributeError as error:
            if error.obj is not trainer.config:
                raise
            raise TypeError(
                f"run_ppo: a callback reads args.{error.name} in {event}, but the step API's PPOConfig does not have "
                f"it: use a callback that reads only state and control, or the train API (TRL 0.12.0-1.12.0)"
            ) from error


def check_callbacks(callbacks: list[Any] | None) -> None:
    """Reject invalid callbacks before they fail in the middle of a run.

    Raises:
        TypeError: An entry is neither a ``TrainerCallback`` nor a subclass of it.
    """
    base = import_or_explain("transformers").TrainerCallback
    for callback in callbacks or []:
        if not (isinstance(callback, base) or (isinstance(callback, type) and issubclass(callback, base))):
            raise TypeError(
                f"create_ppo_trainer: callbacks holds {callback!r}, which is not a transformers.TrainerCallback: "
                f"derive its class from TrainerCallback"
            )


@cache
def _flow() -> type[Any]:
    """Return a ``DefaultFlowCallback`` that does nothing.

    The handler warns if it has no ``DefaultFlowCallback``. The original reads a schedule for logging and saving, which
    the step API's config does not have.
    """
    base = import_or_explain("transformers.trainer_callback")

    def nothing(self: Any, args: Any, state: Any, control: Any, **_: Any) -> Any:
        return control

    return type("StepFlowCallback", (base.DefaultFlowCallback,), {"on_step_end": nothing, "on_epoch_end": nothing})


def _is_number(value: Any) -> bool:
    size = getattr(value, "size", 1)
    count = value.numel() if hasattr(value, "numel") else size
    return count == 1 and not isinstance(value, str) and hasattr(value, "__float__")
