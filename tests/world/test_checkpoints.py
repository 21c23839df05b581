"""Checkpoints of a run on several processes: resumed bit for bit, on as many processes, whole or not at all."""

from __future__ import annotations

import os
import re
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest

from rldk.integrations.trl import run_ppo
from rldk.integrations.trl.checkpoints.save_and_load import load_ppo_checkpoint, save_ppo_checkpoint

sys.path.insert(0, str(Path(__file__).parents[1] / "cell"))
from both_apis import EACH_API, config_of

pytestmark = pytest.mark.trl_ppo

OPTIONS = {"learning_rate": 1e-2, "kl_coef": 0.1, "adap_kl_ctrl": True}


def distinct_letters(texts: list[str]) -> list[float]:
    return [len(set(text)) / 10 for text in texts]


def weights_of(trainer: Any) -> dict[str, Any]:
    model = trainer.accelerator.unwrap_model(trainer.model)
    return {name: parameter.detach().numpy().copy() for name, parameter in model.named_parameters()}


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return one.keys() == other.keys() and all((one[name] == other[name]).all() for name in one)


def in_one_go(setup: Any, api: str | None) -> Any:
    trainer = setup.create_trainer(ppo_config=config_of(setup, api, **OPTIONS))
    return run_ppo(trainer, 3), weights_of(trainer)


def saved_after_one_update(setup: Any, api: str | None, folder: Path) -> Any:
    trainer = setup.create_trainer(ppo_config=config_of(setup, api, **OPTIONS))
    metrics = run_ppo(trainer)
    save_ppo_checkpoint(trainer, folder)
    assert (folder / "ppo_checkpoint.json").is_file(), "it is whole when any process goes on"
    return metrics


def resumed(setup: Any, api: str | None, folder: Path) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        trainer = setup.create_trainer(ppo_config=config_of(setup, api, **OPTIONS))
        load_ppo_checkpoint(trainer, folder)
    assert trainer.state.global_step == 1
    return run_ppo(trainer, 2), weights_of(trainer)


@EACH_API
def test_a_resumed_run_is_the_run_that_never_stopped(ppo_processes, tmp_path, api):
    processes, folder = ppo_processes(2, reward=distinct_letters, **OPTIONS), tmp_path / "runs" / "one"
    whole = processes.run(in_one_go, api)
    first = processes.run(saved_after_one_update, api, folder)
    assert [path.name for path in folder.parent.iterdir()] == ["one"], "nothing is left beside it"
    again = processes.run(resumed, api, folder)
    for rank in (0, 1):
        assert first[rank] + again[rank][0] == whole[rank][0]
        assert same(again[rank][1], whole[rank][1])


def resumed_on_one(setup: Any, folder: Path) -> None:
    load_ppo_checkpoint(setup.create_trainer(), folder)


def test_another_number_of_processes_is_refused(ppo_processes, make_ppo_setup, tmp_path):
    two = ppo_processes(2, reward=distinct_letters, **OPTIONS)
    two.run(saved_after_one_update, None, tmp_path / "two")
    one = make_ppo_setup(reward=distinct_letters, **OPTIONS).create_trainer()
    with pytest.raises(ValueError, match=r"two was saved by a run on 2 processes, but this run is on 1: start it on 2"):
        load_ppo_checkpoint(one, tmp_path / "two")
    save_ppo_checkpoint(one, tmp_path / "one")
    with pytest.raises(ValueError, match=r"one was saved by a run on 1 process, but this run is on 2: start it on 1"):
        two.run(resumed_on_one, tmp_path / "one")


def failing_on(setup: Any, rank: int, folder: Path) -> str:
    """Save twice, the second time with a failure in one process. Return what each says."""
    trainer = setup.create_trainer()
    save_ppo_checkpoint(trainer, folder)
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    trainer.accelerator.wait_for_everyone()

    def full(*_: Any, **__: Any) -> None:
        raise OSError("No space left on device")

    said = ""
    with pytest.MonkeyPatch.context() as patched:
        if int(os.environ["RANK"]) == rank == 0:
            patched.setattr(type(trainer.state), "save_to_json", full)
        elif int(os.environ["RANK"]) == rank:  # the other process writes nothing
            del trainer.state
        try:
            save_ppo_checkpoint(trainer, folder)
        except Exception as error:
            said = f"{type(error).__name__}: {error}"
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before
    assert not list(folder.parent.glob(f".{folder.name}*"))
    return said


@pytest.mark.parametrize("rank", [0, 1])
def test_a_process_that_fails_makes_all_fail_and_leaves_what_was_there(ppo_processes, tmp_path, rank):
    said = ppo_processes(2, reward=distinct_letters).run(failing_on, rank, tmp_path / "saved")
    own = "OSError: No space left on device" if rank == 0 else "ValueError: this .*PPO.*Trainer has no state to save"
    assert re.fullmatch(f"{own}.*", said[rank])
    of_it = rf"OtherProcessError: save_ppo_checkpoint: process {rank} of 2 failed, so all stop: {own}.*"
    assert re.fullmatch(of_it, said[1 - rank])


def loading_without_a_file_on_rank_1(setup: Any, folder: Path) -> tuple[str, bool]:
    trainer = setup.create_trainer()
    run_ppo(trainer)
    before, said = weights_of(trainer), ""
    missing = folder if int(os.environ["RANK"]) == 0 else folder / "elsewhere"
    try:
        load_ppo_checkpoint(trainer, missing)
    except Exception as error:
        said = f"{type(error).__name__}: {error}"
    return said, same(weights_of(trainer), before)


def test_a_checkpoint_that_one_process_cannot_read_changes_none(ppo_processes, tmp_path):
    processes = ppo_processes(2, reward=distinct_letters, **OPTIONS)
    processes.run(saved_after_one_update, None, tmp_path / "saved")
    (first, first_kept), (second, second_kept) = processes.run(loading_without_a_file_on_rank_1, tmp_path / "saved")
    assert second.startswith("FileNotFoundError: load_ppo_checkpoint:")
    assert first.startswith(
        "OtherProcessError: load_ppo_checkpoint: process 1 of 2 failed, so all stop: FileNotFoundError"
    )
    assert first_kept
    assert second_kept
