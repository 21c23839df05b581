"""Run a user's callbacks under the user's own warning filters, and with the same effect in all processes."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from rldk.integrations.trl.releases.quiet import callers_warnings, is_users
from rldk.integrations.trl.training.ranks import Ranks
from rldk.integrations.trl.training.replaced import replaced

# Events that every process has as often as the others. A callback may call `trainer.log` in one process only.
_IN_ALL = frozenset({"on_train_begin", "on_step_begin", "on_step_end", "on_save", "on_train_end"})


@contextmanager
def callbacks_together(trainer: Any, ranks: Ranks) -> Iterator[None]:
    """Within the context, call each callback of the user in `callers_warnings`, on either API.

    What a callback asks for in one process, such as ``should_training_stop`` or ``should_save``, is done in all.
    """
    handler = trainer.callback_handler

    def call_event(event: str, args: Any, state: Any, control: Any, **kwargs: Any) -> Any:
        for callback in handler.callbacks:
            one = copy.copy(handler)  # its own `call_event` passes on the model, the optimizer, ...
            one.callbacks = [callback]
            with callers_warnings() if is_users(callback) else nullcontext():
                control = type(handler).call_event(one, event, args, state, control, **kwargs)
        if ranks.several and event in _IN_ALL:
            for wish in ranks.meet(name for name, value in vars(control).items() if value is True):
                setattr(control, wish, True)
        return control

    with replaced(handler, call_event=call_event):
        yield
