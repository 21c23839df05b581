"""What one process raises or asks for while two train: both end, in seconds and with that error."""

from __future__ import annotations

import os
import time
from typing import Any

import pytest
from transformers import TrainerCallback

from rldk.integrations.trl import RewardFunctionError, run_ppo

pytestmark = pytest.mark.trl_ppo

NOT_SAVED = {"save_strategy": "no"}


def in_rank_1() -> bool:
    return os.environ["RANK"] == "1"


def fails_in_rank_1(texts: list[str]) -> list[float]:
    if in_rank_1():
        raise ValueError("no score for these")
    return [0.0] * len(texts)


class Fails(TrainerCallback):
    """Raises in rank 1, at one event."""

    def __init__(self, event: str) -> None:
        setattr(self, event, self.fail)

    def fail(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if in_rank_1():
            raise KeyError("lost")


class Asks(TrainerCallback):
    """Asks for something in rank 1, after the second update, and counts what is done."""

    def __init__(self, wish: str) -> None:
        self.wish, self.steps, self.ended = wish, 0, 0

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.steps += 1
        if in_rank_1() and self.steps == 2:
            setattr(control, self.wish, True)

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.ended += 1


def _error(trainer: Any) -> tuple[Exception, float]:
    start = time.monotonic()
    try:
        run_ppo(trainer, 2)
    except Exception as error:
        return error, time.monotonic() - start
    raise AssertionError("nothing was raised")


def _reward_fails(setup: Any) -> tuple[str, str, float, list[str]]:
    error, seconds = _error(setup.create_trainer())
    assert isinstance(error, RewardFunctionError)
    return type(error).__name__, str(error), seconds, error.texts


def test_a_reward_function_that_raises_in_one_process_ends_both(ppo_processes: Any) -> None:
    ours, theirs = ppo_processes(2, reward=fails_in_rank_1, **NOT_SAVED).run(_reward_fails)
    assert theirs[1].startswith(
        "reward function fails_in_rank_1 raised ValueError: no score for these (for a batch of"
    )
    assert ours[1] == f"rank 1 of 2: {theirs[1]}"
    assert ours[3] == theirs[3], "the texts of rank 1"
    assert max(ours[2], theirs[2]) < 60


def _callbacks_fail(setup: Any, events: list[str]) -> list[str]:
    return [str(_error(setup.create_trainer(callbacks=[Fails(event)]))[0]) for event in events]


def test_a_callback_that_raises_in_one_process_ends_both(ppo_processes: Any) -> None:
    events = ["on_step_begin", "on_log", "on_step_end", "on_train_end"]
    ours, theirs = ppo_processes(2, **NOT_SAVED).run(_callbacks_fail, events)
    assert theirs == ["'lost'"] * len(events)
    assert ours == ["run_ppo: rank 1 of 2 failed, so all processes stop: KeyError: 'lost'"] * len(events)


def _stops(setup: Any) -> tuple[int, int]:
    callback = Asks("should_training_stop")
    updates = run_ppo(setup.create_trainer(callbacks=[callback]), 4)
    return len(updates), callback.ended


def test_a_stop_in_one_process_stops_both(ppo_processes: Any) -> None:
    assert ppo_processes(2, **NOT_SAVED).run(_stops) == [(2, 1), (2, 1)]


def _too_small(setup: Any) -> list[str]:
    messages = []
    few = setup.train_dataset.select(range(7))
    for checked in (True, False):
        with pytest.raises(ValueError, match="prompts") as caught:
            run_ppo(setup.create_trainer(train_dataset=few, validate_setup=checked))
        messages.append(str(caught.value))
    return messages


def test_a_dataset_smaller_than_the_batch_of_all_processes_is_refused(ppo_processes: Any) -> None:
    for checked, unchecked in ppo_processes(2, **NOT_SAVED).run(_too_small):
        assert "train_dataset has 7 prompts, fewer than one batch of 4 on each of 2 processes" in checked
        assert unchecked.startswith(
            "run_ppo: the dataset has fewer prompts than one batch of 4 on each of 2 processes"
        )
