"""transformers' callbacks around the step API's updates; TRL calls none there."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from rldk.integrations.trl.checkpoints.save_and_load import save_ppo_checkpoint
from rldk.integrations.trl.config.create import DEFAULT_OUTPUT_DIR
from rldk.integrations.trl.releases.importing import import_or_explain


class StepCallbacks:
    """What ``Trainer`` keeps for its callbacks, on a trainer of the step API: ``state``, ``control``, the handler.

    The events of an update and their order are the train API's: ``on_step_begin``, ``on_log`` with the metrics,
    ``on_step_end`` and, where a callback set ``control.should_save``, a checkpoint by `save_ppo_checkpoint` in
    ``output_dir/checkpoint-N`` and ``on_save``; around them ``on_train_begin`` and ``on_train_end``, once a
    `run_ppo`. ``control.should_training_stop`` ends it. ``args`` is the step API's ``PPOConfig``. PPO evaluates
    nothing, so ``should_evaluate`` asks for nothing, as in the train API.
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
        """The trainer's, made here for one that `create_ppo_trainer` did not make."""
        found: StepCallbacks = getattr(trainer, "_rldk_callbacks", None) or cls(trainer, [])
        return found

    def updates(self, steps: int) -> Iterator[None]:
        """Let the caller run ``steps`` updates, or fewer where a callback stops them; it calls `log` in each.

        Raises:
            TypeError: a callback reads an option that only the train API's config has.
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
        """Count the update and show its numbers, those that are one number, to the callbacks."""
        state = self._trainer.state
        state.global_step += 1
        logs = {name: float(value) for name, value in metrics.items() if _is_number(value)}
        dataset = self._trainer.dataset
        if hasattr(dataset, "__len__"):
            state.epoch = state.global_step * self._trainer.config.batch_size / len(dataset)
        state.log_history.append({**logs, "step": state.global_step})
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
                f"run_ppo: a callback reads args.{error.name} in {event}, which the step API's PPOConfig lacks: use a "
                f"callback that reads state and control only, or the train API (TRL 0.12.0-1.12.0)"
            ) from error


def check_callbacks(callbacks: list[Any] | None) -> None:
    """Say what is no callback before it fails in the middle of a run.

    Raises:
        TypeError: an entry is neither a ``TrainerCallback`` nor a class of them.
    """
    base = import_or_explain("transformers").TrainerCallback
    for callback in callbacks or []:
        if not (isinstance(callback, base) or (isinstance(callback, type) and issubclass(callback, base))):
            raise TypeError(
                f"create_ppo_trainer: callbacks holds {callback!r}, which is no transformers.TrainerCallback: derive "
                f"its class from that"
            )


@cache
def _flow() -> type[Any]:
    """A flow that decides nothing: the step API's config has no schedule of logging and saving.

    The handler warns where no ``DefaultFlowCallback`` is among its callbacks, and that one reads such a schedule.
    """
    base = import_or_explain("transformers.trainer_callback")

    def nothing(self: Any, args: Any, state: Any, control: Any, **_: Any) -> Any:
        return control

    return type("StepFlowCallback", (base.DefaultFlowCallback,), {"on_step_end": nothing, "on_epoch_end": nothing})


def _is_number(value: Any) -> bool:
    size = getattr(value, "size", 1)
    count = value.numel() if hasattr(value, "numel") else size
    return count == 1 and not isinstance(value, str) and hasattr(value, "__float__")
