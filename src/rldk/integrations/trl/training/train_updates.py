"""Run the train API's ``train()`` for a number of updates, starting from the trainer's current state."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

from rldk.integrations.trl.checkpoints.save_and_load import save_ppo_checkpoint
from rldk.integrations.trl.data.batches import BatchStream
from rldk.integrations.trl.data.columns import BatchesNamed
from rldk.integrations.trl.models.generation_config import defaults_hidden
from rldk.integrations.trl.releases.importing import import_or_explain
from rldk.integrations.trl.releases.trainers import counts_episodes, generation_of_trainer
from rldk.integrations.trl.training.adaptive_kl import add_adaptive_kl, coefficient_moves, move_coefficient
from rldk.integrations.trl.training.ranks import Ranks
from rldk.integrations.trl.training.replaced import replaced
from rldk.integrations.trl.training.sampling import policy_samples_with


class _StoppedError(Exception):
    """A callback set ``control.should_training_stop``. Only an exception can end TRL's loop early."""


class _Prompts:
    """Replaces the trainer's dataloader: continues with the batch after the last run, and reports each batch."""

    def __init__(self, batches: BatchStream, before_each: Callable[[], None]) -> None:
        self._batches, self._before_each = batches, before_each

    def __iter__(self) -> Iterator[Any]:
        while True:
            self._before_each()
            yield next(self._batches)


def planned_updates(trainer: Any) -> int:
    """Return how many updates the learning-rate schedule is planned for."""
    planned: int = getattr(trainer.args, generation_of_trainer(trainer).planned_updates_option)
    return planned


def run_train_updates(
    trainer: Any, steps: int, updates: Sequence[Mapping[str, float]], sampling: Mapping[str, Any], ranks: Ranks
) -> None:
    """Have ``trainer.train()`` make ``steps`` updates that continue the earlier ones, as if they were one run.

    In TRL 0.12.0-1.12.0 each call of ``train()`` restarts its counters and its dataset, and it ignores
    ``control.should_training_stop``. Here counters, batches and random numbers continue, the stop takes effect after
    the update, and ``on_step_begin`` is called. PPOv2 of TRL 0.9.2-0.9.6 calls only ``on_log``. Here it calls the
    events that later releases call, and it saves if a callback asks for it.

    Args:
        trainer: A trainer of the train API.
        steps: Number of updates.
        updates: The metrics of each update. The newest are there before the update is logged, so ``on_log`` sees
            them next to TRL's.
        sampling: The options of `policy_samples_with`.
        ranks: The processes of the run. They meet before each optimization.
    """
    add_adaptive_kl(trainer)  # in case create_ppo_trainer did not create it
    generation = generation_of_trainer(trainer)
    calls = _Calls(trainer, steps, updates, calls_all=not generation.calls_callbacks)
    policy = trainer.accelerator.unwrap_model(trainer.model).policy
    loaders: dict[str, Any] = {"dataloader": _Prompts(BatchStream.of(trainer), calls.before_batch)}
    scored = getattr(trainer.reward_model, "scored_batch", None)
    if scored is not None:
        samples = vars(trainer).get("eval_dataloader")
        loaders |= {} if samples is None else {"eval_dataloader": samples}
        loaders = {name: BatchesNamed(loader, scored) for name, loader in loaders.items()}
    made = {generation.planned_updates_option: steps}  # train() makes this many, then returns
    with replaced(trainer, **loaders), replaced(trainer.args, **made):
        trainer.callback_handler.callbacks.insert(0, calls.bridge)
        try:
            calls.begin()
            met = _met_before_optimization(trainer, ranks, calls)
            hidden = defaults_hidden(policy) if getattr(trainer, "_rldk_hides_defaults", False) else nullcontext()
            with hidden, policy_samples_with(trainer, policy, sampling), coefficient_moves(trainer), met:
                trainer.train()
            calls.end()
        except _StoppedError:
            calls.stop()
        finally:
            trainer.callback_handler.callbacks.remove(calls.bridge)


@contextmanager
def _met_before_optimization(trainer: Any, ranks: Ranks, calls: _Calls) -> Iterator[None]:
    """Within the context, the processes meet in the first forward pass of an update that needs all of them.

    The rollout calls the unwrapped model. What may fail in one process, such as a reward function, is in the rollout.
    """
    if not ranks.several:
        yield
        return
    met = 0

    def meet(model: Any, inputs: Any) -> None:
        nonlocal met
        if met < calls.begun:
            met = calls.begun
            ranks.meet()

    hook = trainer.model.register_forward_pre_hook(meet)
    try:
        yield
    finally:
        hook.remove()


class _Calls:
    """Calls the events that TRL's ``train()`` does not call itself."""

    def __init__(self, trainer: Any, steps: int, updates: Sequence[Mapping[str, float]], *, calls_all: bool) -> None:
        self._trainer, self._steps, self._updates = trainer, steps, updates
        self._done, self.begun = trainer.state.global_step, 0
        # If TRL calls only on_log, it also leaves the counters of the state at 0.
        self._all = calls_all
        self.bridge = _bridge(self._continue, self._show)

    def begin(self) -> None:
        if self._all:
            self._call("on_train_begin")

    def before_batch(self) -> None:
        if self.begun:
            self._end_step()
            if self._trainer.control.should_training_stop:
                raise _StoppedError
        self.begun += 1
        self._call("on_step_begin")

    def end(self) -> None:
        if self._all:
            self._end_step()
            self._call("on_train_end")

    def stop(self) -> None:
        """Do what ``train()`` does after its last update."""
        self._call("on_train_end")
        if self._trainer.control.should_save and not self._all:
            self._trainer._save_checkpoint(self._trainer.model, trial=None)
            self._call("on_save")

    def _end_step(self) -> None:
        trainer = self._trainer
        if not self._all:
            return  # TRL has called on_step_end and saved
        self._call("on_step_end")
        if trainer.control.should_save:
            save_ppo_checkpoint(
                trainer, os.path.join(trainer.args.output_dir, f"checkpoint-{trainer.state.global_step}")
            )
            self._call("on_save")

    def _continue(self, state: Any) -> None:
        args, state.global_step, state.max_steps = self._trainer.args, self._done, self._done + self._steps
        for schedule in ("logging_steps", "save_steps", "eval_steps"):  # before 0.10.1 the state keeps its default 500
            if getattr(args, schedule):
                every = getattr(args, schedule)
                setattr(state, schedule, every if every >= 1 else math.ceil(every * state.max_steps))
        if counts_episodes(self._trainer):
            state.episode = self._done * args.batch_size

    def _show(self, state: Any, logs: dict[str, Any]) -> None:
        if self._all:
            state.global_step += 1
        logs.update(self._updates[-1])
        move_coefficient(self._trainer, logs, self._updates[-1]["kl"])

    def _call(self, event: str) -> None:
        trainer = self._trainer
        trainer.control = getattr(trainer.callback_handler, event)(trainer.args, trainer.state, trainer.control)


def _bridge(begin: Callable[[Any], None], show: Callable[[Any, dict[str, Any]], None]) -> Any:
    """Return a callback that runs before the others, so that they see its changes."""
    base = import_or_explain("transformers").TrainerCallback

    def on_train_begin(self: Any, args: Any, state: Any, control: Any, **_: Any) -> None:
        begin(state)

    def on_log(self: Any, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        if logs is not None and "objective/kl" in logs:
            show(state, logs)

    return type("PortableCallback", (base,), {"on_train_begin": on_train_begin, "on_log": on_log})()
