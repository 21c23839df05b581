"""What trackers such as TensorBoard get. In the train API transformers gives them the metrics."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rldk.integrations.trl.config.create import DEFAULT_OUTPUT_DIR
from rldk.integrations.trl.releases.generations import Generation
from rldk.integrations.trl.releases.importing import import_or_explain
from rldk.integrations.trl.releases.trainers import tokenizer_of
from rldk.integrations.trl.training.replaced import replaced

_FOLDERS = {"logging_dir", "project_dir", "project_config"}
_COLUMNS = ("prompt", "response", "reward")


@contextmanager
def logging_dir_in_output_dir(generation: Generation, config: Any) -> Iterator[None]:
    """Within the context, a step API config with TensorBoard has a folder for it, which accelerate requires.

    It is ``output_dir/runs``, as in the train API, unless the config names one.
    """
    option = "project_kwargs" if "project_kwargs" in generation.options else "accelerator_kwargs"
    named = {**config.accelerator_kwargs, **getattr(config, option)}
    if config.log_with not in ("tensorboard", "all") or named.keys() & _FOLDERS:
        yield
        return
    folder = os.path.join(getattr(config, "output_dir", DEFAULT_OUTPUT_DIR), "runs")
    with replaced(config, **{option: {**getattr(config, option), "logging_dir": folder}}):
        yield


def log_to_trackers(trainer: Any, values: Mapping[str, Any]) -> None:
    """Send the values of an update to accelerate's trackers, which the step API's constructor starts."""
    if _trackers(trainer):
        trainer.accelerator.log(dict(values), step=trainer.state.global_step)


def check_completions_can_be_logged(trainer: Any) -> None:
    """Refuse ``log_completions`` where nothing takes a table.

    Raises:
        ValueError: There is no such tracker.
    """
    callbacks = trainer.callback_handler.callbacks
    takes = any(hasattr(callback, "tb_writer") or hasattr(callback, "_wandb") for callback in callbacks)
    if not takes and not _trackers(trainer) and trainer.accelerator.is_main_process:
        raise ValueError(
            "run_ppo: log_completions=True needs a tracker that takes tables: pass report_to='tensorboard' or "
            "report_to='wandb' to create_ppo_config"
        )


def log_completions(trainer: Any, prompts: Any, responses: Any, rewards: Any) -> None:
    """Send a table of the rollout of all processes to the trackers: one row per prompt, its response and its reward.

    Args:
        trainer: A trainer of either API.
        prompts: Token ids, a tensor or a list of tensors. Padding and other special tokens are left out.
        responses: Token ids of the responses, without the prompts.
        rewards: One number per response.
    """
    tokenizer, step = tokenizer_of(trainer), trainer.state.global_step
    texts = [tokenizer.batch_decode(ids, skip_special_tokens=True) for ids in (prompts, responses)]
    rows = [list(row) for row in zip(*texts, [float(reward) for reward in rewards], strict=True)]
    if trainer.accelerator.num_processes > 1:
        rows = import_or_explain("accelerate.utils").gather_object(rows)
    for tracker in _trackers(trainer):
        if hasattr(tracker, "log_table"):  # accelerate's for wandb and ClearML
            tracker.log_table("completions", columns=list(_COLUMNS), data=rows, step=step)
        else:
            tracker.log({"completions": _markdown(rows)}, step=step)
    for callback in trainer.callback_handler.callbacks:  # transformers' for the train API
        if getattr(callback, "tb_writer", None) is not None:
            callback.tb_writer.add_text("completions", _markdown(rows), step)
        if getattr(callback, "_wandb", None) is not None and trainer.state.is_world_process_zero:
            wandb = callback._wandb
            wandb.log({"completions": wandb.Table(columns=list(_COLUMNS), data=rows), "train/global_step": step})


def _trackers(trainer: Any) -> list[Any]:
    """Return accelerate's trackers. Some releases of accelerate have them in the main process only."""
    found: list[Any] = getattr(trainer.accelerator, "trackers", [])
    return found


def _markdown(rows: Sequence[Sequence[Any]]) -> str:
    lines = [_COLUMNS, ["---"] * len(_COLUMNS), *rows]
    cells = [["<br>".join(str(cell).replace("|", "\\|").splitlines()) for cell in line] for line in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)
