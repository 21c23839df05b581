"""Run a user's callbacks under the user's own warning filters."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from rldk.integrations.trl.releases.quiet import callers_warnings, is_users
from rldk.integrations.trl.training.replaced import replaced


@contextmanager
def callbacks_with_callers_warnings(trainer: Any) -> Iterator[None]:
    """Within the context, call each callback of the user in `callers_warnings`, on either API."""
    handler = trainer.callback_handler

    def call_event(event: str, args: Any, state: Any, control: Any, **kwargs: Any) -> Any:
        for callback in handler.callbacks:
            one = copy.copy(handler)  # its own `call_event` passes on the model, the optimizer, ...
            one.callbacks = [callback]
            with callers_warnings() if is_users(callback) else nullcontext():
                control = type(handler).call_event(one, event, args, state, control, **kwargs)
        return control

    with replaced(handler, call_event=call_event):
        yield
