"""The fixture `ppo_processes` on the installed TRL: what a run returns, and what its failures look like."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

import pytest

from rldk_trl.processes.reports import RankError, RanksHungError


def _trained(setup: Any) -> Any:
    import torch

    trainer = setup.create_trainer()
    metrics = setup.train(steps=2)
    weights = trainer.accelerator.unwrap_model(trainer.model).state_dict()
    print("trained in rank", trainer.accelerator.process_index)
    return {
        "size": trainer.accelerator.num_processes,
        "rank": trainer.accelerator.process_index,
        "kind": str(trainer.accelerator.distributed_type),
        "metrics": [dict(each) for each in metrics],
        "weights": float(sum(value.double().abs().sum() for value in weights.values() if torch.is_tensor(value))),
    }


def test_two_processes_train_together(ppo_processes: Any) -> None:
    processes = ppo_processes(2)
    ranks = processes.run(_trained)
    assert [rank["rank"] for rank in ranks] == [0, 1]
    assert {rank["size"] for rank in ranks} == {2}
    assert ranks[0]["weights"] == ranks[1]["weights"]
    assert ranks[0]["metrics"] == ranks[1]["metrics"]
    for rank, output in enumerate(processes.outputs):
        assert f"trained in rank {rank}" in output


def _rank() -> int:
    return int(os.environ["RANK"])


def _raises_in_rank_1(setup: Any) -> None:
    if _rank() == 1:
        raise KeyError("what rank 1 has not")
    setup.create_trainer().accelerator.wait_for_everyone()


def _kills_rank_1(setup: Any) -> None:
    if _rank() == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    setup.create_trainer().accelerator.wait_for_everyone()


def _makes_a_trainer(setup: Any) -> None:
    setup.create_trainer()


def _hangs_in_rank_1(setup: Any) -> None:
    accelerator = setup.create_trainer().accelerator
    if _rank() == 1:
        time.sleep(600)
    accelerator.wait_for_everyone()


def test_the_first_error_is_raised_and_the_other_rank_stopped(ppo_processes: Any) -> None:
    processes = ppo_processes(2)
    start = time.monotonic()
    with pytest.raises(KeyError, match="what rank 1 has not") as caught:
        processes.run(_raises_in_rank_1)
    assert time.monotonic() - start < 60  # gloo would wait for 30 minutes
    assert "_raises_in_rank_1" in str(caught.value.__cause__)
    assert caught.value.__notes__ == ["raised in rank 1 of 2"]


# Nothing in these two depends on TRL; tests/unit/test_processes.py has the other ways to fail.
@pytest.mark.trl("==1.12.0")
def test_a_killed_rank_is_named(ppo_processes: Any) -> None:
    with pytest.raises(RankError, match=r"^rank 1 of 2 was killed by SIGKILL in _kills_rank_1; "):
        ppo_processes(2).run(_kills_rank_1)


@pytest.mark.trl("==1.12.0")
def test_a_hanging_rank_is_found(ppo_processes: Any) -> None:
    where = r"rank 0 in .*, called from _hangs_in_rank_1 .*; rank 1 in _hangs_in_rank_1 \(test_processes\.py:\d+\)"
    ppo_processes(2).run(_makes_a_trainer)  # afterwards everything is imported
    with pytest.raises(RanksHungError, match=f"^_hangs_in_rank_1 was not done after 15 s: {where}"):
        ppo_processes(2, timeout_s=15).run(_hangs_in_rank_1)
