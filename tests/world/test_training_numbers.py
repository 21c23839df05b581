"""One process or two: the same gradients from the same rollout, as far as TRL's update is the same, and the steps."""

from __future__ import annotations

import os
from typing import Any

import pytest

from rldk.integrations.trl import run_ppo

pytestmark = pytest.mark.trl_ppo

LENGTH = 8
LENGTHS: list[int] = []


def distinct(completions: list[str], completion_ids: list[list[int]]) -> list[float]:
    LENGTHS.extend(len(ids) for ids in completion_ids)
    return [len(set(text)) / 10 for text in completions]


def _gradients(setup: Any, shares: list[list[int]]) -> dict[str, Any]:
    """The gradients of the first optimizer step, of the value head and of all others.

    Args:
        setup: The models.
        shares: The numbers of the prompts that each process gets.
    """
    import torch

    prompts = torch.tensor([setup.train_dataset[row]["input_ids"] for row in shares[int(os.environ.get("RANK", "0"))]])
    LENGTHS.clear()
    trainer = setup.create_trainer(data_collator=lambda rows: {"input_ids": prompts})
    optimizer = getattr(trainer.optimizer, "optimizer", trainer.optimizer)
    found: dict[str, list[Any]] = {"head": [], "rest": []}
    names = {parameter: name for name, parameter in trainer.accelerator.unwrap_model(trainer.model).named_parameters()}

    def keep(*_: Any, **__: Any) -> None:
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                kind = "head" if "v_head" in names[parameter] or "score" in names[parameter] else "rest"
                gradient = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
                found[kind].append(gradient.flatten().double().clone())

    optimizer.step = keep
    run_ppo(trainer, do_sample=False)
    assert set(LENGTHS) == {LENGTH}
    return {kind: torch.cat(parts).numpy() for kind, parts in found.items()}


ONE_STEP = {"num_ppo_epochs": 1, "response_length": LENGTH, "save_strategy": "no"}
HALF = [0, 1, 2, 3]


def difference(ours: Any, theirs: Any) -> float:
    """The largest difference of two gradients, relative to the largest entry."""
    return float(abs(ours - theirs).max() / abs(theirs).max())


@pytest.mark.trl(">=0.3")  # before, each prompt has its own optimizer step
@pytest.mark.parametrize("vf_coef", [0.0, 0.1])
def test_two_processes_have_the_gradients_of_one(ppo_processes: Any, make_ppo_setup: Any, vf_coef: float) -> None:
    options = {**ONE_STEP, "vf_coef": vf_coef, "reward": distinct}
    one = _gradients(make_ppo_setup(**options, per_device_train_batch_size=8), [HALF + HALF])
    first, second = ppo_processes(2, **options, per_device_train_batch_size=4).run(_gradients, [HALF, HALF])
    for kind in first:
        assert (first[kind] == second[kind]).all(), "DDP has averaged them"
    if vf_coef:
        assert difference(first["head"], one["head"]) < 1e-5
        return
    # TRL whitens the advantages of each process. Its variance is that of n - 1 tokens.
    tokens = len(HALF) * LENGTH
    whitened = (2 * (tokens - 1) / (2 * tokens - 1)) ** 0.5
    assert difference(first["rest"], whitened * one["rest"]) < 1e-5


@pytest.mark.trl(">=0.3")
def test_processes_with_different_prompts_whiten_differently(ppo_processes: Any, make_ppo_setup: Any) -> None:
    options = {**ONE_STEP, "vf_coef": 0.1, "reward": distinct}
    halves = [[0, 1, 2, 3], [4, 5, 6, 7]]
    one = _gradients(make_ppo_setup(**options, per_device_train_batch_size=8), [[*halves[0], *halves[1]]])
    two = ppo_processes(2, **options, per_device_train_batch_size=4).run(_gradients, halves)[0]
    assert difference(two["head"], one["head"]) < 1e-5, "the value loss is a mean over the same tokens"
    assert 1e-3 < difference(two["rest"], one["rest"]) < 1
    print("relative difference of the policy's gradient:", difference(two["rest"], one["rest"]))


def _optimizer_steps(setup: Any) -> list[int]:
    trainer = setup.create_trainer()
    assert len(trainer.dataloader) == 2, "every second batch is the last one of an epoch"
    optimizer, taken = getattr(trainer.optimizer, "optimizer", trainer.optimizer), []
    step = optimizer.step

    def counted(*args: Any, **kwargs: Any) -> Any:
        taken.append(1)
        return step(*args, **kwargs)

    optimizer.step = counted
    found = []
    for _ in range(3):
        taken.clear()
        run_ppo(trainer)
        found.append(len(taken))
    return found


@pytest.mark.trl(">=0.5")  # before, gradient_accumulation_steps does not work
@pytest.mark.parametrize("processes", [1, 2])
def test_the_last_batch_of_an_epoch_accumulates_too(ppo_processes: Any, make_ppo_setup: Any, processes: int) -> None:
    options = {"per_device_train_batch_size": 2, "gradient_accumulation_steps": 2, "num_ppo_epochs": 1}
    if processes == 1:
        steps = [_optimizer_steps(make_ppo_setup(**options, save_strategy="no"))]
    else:
        steps = ppo_processes(processes, **options, save_strategy="no").run(_optimizer_steps)
    assert steps == [[1, 1, 1]] * processes
