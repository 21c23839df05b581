"""Training on two processes: equal weights and metrics in both, each with its own prompts, and one voice."""

from __future__ import annotations

import hashlib
import warnings
from typing import Any

import pytest

from rldk.integrations.trl import create_ppo_config, create_ppo_trainer, run_ppo

pytestmark = pytest.mark.trl_ppo

WITH_PPOV2 = pytest.mark.trl(">=0.9.2", "<0.12")
EACH_API = pytest.mark.parametrize("api", [None, pytest.param("train", marks=WITH_PPOV2, id="ppov2")])

SEEN: list[list[str]] = []


def distinct(completions: list[str], source: list[str]) -> list[float]:
    SEEN.append(source)
    return [len(set(text)) / 10 for text in completions]


def weights_of(trainer: Any) -> str:
    """A digest of all weights that this process has."""
    state = trainer.accelerator.unwrap_model(trainer.model).state_dict()
    return hashlib.sha256(b"".join(state[name].numpy().tobytes() for name in sorted(state))).hexdigest()


def with_column(setup: Any) -> Any:
    """The setup's prompts, each with its number in a column that the reward function asks for."""
    return setup.train_dataset.add_column("source", [f"prompt {row}" for row in range(len(setup.train_dataset))])


def config_of(setup: Any, api: str | None, **options: Any) -> Any:
    if api is None:
        return setup.config
    small = {"num_ppo_epochs": 2, "per_device_train_batch_size": 4, "total_episodes": 64, "response_length": 8}
    return create_ppo_config(str(setup.output_dir), api=api, learning_rate=1e-3, **small, **options)


def _trains(setup: Any, api: str | None, options: dict[str, Any]) -> dict[str, Any]:
    SEEN.clear()
    weights, updates, coefficients = [], [], []
    dataset = with_column(setup)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        trainer = setup.create_trainer(ppo_config=config_of(setup, api, **options), train_dataset=dataset)
        for _ in range(3):
            updates += run_ppo(trainer, top_k=200)
            weights.append(weights_of(trainer))
            coefficients.append(trainer.kl_ctl.value)
    timings = ("time/", "eps")
    numbers = [
        {
            name: value
            for name, value in update.trl.items()
            if isinstance(value, float) and not name.startswith(timings)
        }
        for update in updates
    ]
    return {
        "weights": weights,
        "updates": [dict(update) for update in updates],
        "trl": numbers,
        "coefficients": coefficients,
        "prompts": [prompt for batch in SEEN for prompt in batch],
        "epoch": trainer.state.epoch,
        "step": trainer.state.global_step,
        "episode": getattr(trainer.state, "episode", None),
        "rate": trainer.optimizer.param_groups[0]["lr"],
        "is main": trainer.state.is_world_process_zero,
        "rows": len(dataset),
        "warnings": [str(each.message) for each in caught if str(each.message).startswith("run_ppo:")],
    }


@EACH_API
def test_two_processes_make_one_training(ppo_processes: Any, api: str | None) -> None:
    options = {"adap_kl_ctrl": True, "target": 0.01, "horizon": 100, "save_strategy": "no"}
    ranks = ppo_processes(2, reward=distinct, **options).run(_trains, api, options)
    first, second = ranks
    assert len(set(first["weights"])) == 3, "each update changes the weights"
    for name in ("weights", "updates", "trl", "coefficients", "rate", "step", "episode", "epoch"):
        assert first[name] == second[name], name
    assert len(set(first["coefficients"])) > 1, "the KL coefficient adapts"
    assert first["step"] == 3
    if api is None or first["episode"] is not None:  # PPOv2 until 0.9.6 counts the epochs of one call
        assert first["epoch"] == 3 * 8 / first["rows"]
    assert first["episode"] in (None, 24)
    assert first["rate"] in (1e-3, pytest.approx(1e-3 * (1 - 3 / 8))), "the schedule is planned for eight updates"
    assert {update["score"] for update in first["updates"]} != {0.0}
    for numbers, update in zip(first["trl"], first["updates"], strict=True):
        for name in {"ppo/mean_scores", "objective/scores"} & set(numbers):
            assert numbers[name] == pytest.approx(update["score"]), "a mean, not a part"
    assert (len(first["prompts"]), len(second["prompts"])) == (12, 12)
    assert not set(first["prompts"][:8]) & set(second["prompts"][:8]), "an epoch gives each prompt to one process"
    assert (first["is main"], second["is main"]) == (True, False)
    assert (len(first["warnings"]), len(second["warnings"])) == (1, 0), "the main process speaks for all"


def create(setup: Any, dataset: Any) -> Any:
    """A trainer that keeps the random state in which the library leaves it; `PPOSetup` has its own."""
    parts = ("model", "ref_model", "reward_model", "value_model", "tokenizer")
    return create_ppo_trainer(None, setup.config, dataset, **{part: getattr(setup, part) for part in parts})


def _order(setup: Any, seeds: list[int]) -> list[list[str]]:
    from rldk.integrations.trl.data.batches import BatchStream

    found = []
    for seed in seeds:
        setup.config.seed = seed
        trainer = create(setup, with_column(setup))
        batches = BatchStream.of(trainer)
        found.append([row for _ in range(len(trainer.dataloader)) for row in next(batches)["source"]])
    return found


def test_the_order_of_the_prompts_follows_the_seed(ppo_processes: Any) -> None:
    first, second = ppo_processes(2, reward=distinct, save_strategy="no").run(_order, [1, 2, 1])
    assert first[0] == first[2]
    assert second[0] == second[2]
    assert first[0] != first[1]
    assert all(not set(ours) & set(theirs) for ours, theirs in zip(first, second, strict=True))


def _draws(setup: Any) -> float:
    import torch

    create(setup, setup.train_dataset)
    return float(torch.rand(()))


def test_each_process_samples_with_random_numbers_of_its_own(ppo_processes: Any) -> None:
    first, second = ppo_processes(2).run(_draws)
    assert first != second


def _logs(setup: Any) -> int:
    trainer = setup.create_trainer()
    run_ppo(trainer, 2, log_completions=True)
    trainer.accelerator.wait_for_everyone()
    return sum(1 for _ in (setup.output_dir / "runs").rglob("*tfevents*"))


@pytest.mark.trl_requires("tensorboard")
def test_the_main_process_logs_the_completions_of_all(ppo_processes: Any, tmp_path: Any) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util.tensor_util import make_ndarray

    files, _ = ppo_processes(2, report_to="tensorboard", save_strategy="no").run(_logs)
    folders = {str(file.parent) for file in (tmp_path / "ppo/runs").rglob("*tfevents*")}
    assert files == len(folders) == 1
    written = EventAccumulator(folders.pop())
    written.Reload()
    (tag,) = (tag for tag in written.Tags()["tensors"] if "completions" in tag)
    for table in written.Tensors(tag):
        assert make_ndarray(table.tensor_proto).item().decode().count("\n") == 1 + 8
