"""How to write an option of one API with the other's names, as code.

`config.vocabulary` converts values; a program's text holds expressions too, so these are templates.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from packaging.version import Version

from rldk.integrations.trl.config.refusals import option_releases
from rldk.integrations.trl.releases.boundaries import SPLITS_BATCH, in_spans


@dataclass(frozen=True)
class Conversion:
    """The code that replaces an option, with ``{value}`` for its value; None if nothing does."""

    write: str | None
    note: str | None = None
    since: str = "0.2.0"
    """The first release that has the replacement."""

    def code(self, value: str, target: Version) -> str | None:
        """Return the code for a value, as text, on a release."""
        if self.write is None or target < Version(self.since):
            return None
        return self.write.replace("{value}", value)


_YOURS = "leave it out: the trainer does not read it; keep the value in a variable of your own"
_NO_ADAPTIVE_KL = "leave it out: the train API has no adaptive KL coefficient"
_IN_REWARD = "leave it out: change the scores in the reward model or function"
_COMPUTED = "leave it out: the trainer computes it"
_MEMORY = "leave it out: it saves memory and does not change the result"
_NO_STOPPING = "leave it out: the train API never stops an update early"

# Options of the step API -> the train API.
TO_TRAIN: Mapping[str, Conversion] = {
    "ppo_epochs": Conversion("num_ppo_epochs={value}"),
    "steps": Conversion("total_episodes={value}", "the learning rate decays to 0 over total_episodes"),
    "init_kl_coef": Conversion(
        "kl_coef={value}", "the coefficient is fixed; the step API adapts it unless adap_kl_ctrl=False"
    ),
    "kl_penalty": Conversion("kl_estimator='k1'", "before 0.17.0 leave it out: 'k1' is all there is", since="0.17.0"),
    "log_with": Conversion("report_to={value}"),
    "model_name": Conversion(None, "leave it out: give the name to from_pretrained() or create_ppo_trainer()"),
    "adap_kl_ctrl": Conversion(None, _NO_ADAPTIVE_KL),
    "target": Conversion(None, _NO_ADAPTIVE_KL),
    "horizon": Conversion(None, _NO_ADAPTIVE_KL),
    "early_stopping": Conversion(None, _NO_STOPPING),
    "target_kl": Conversion(None, _NO_STOPPING),
    "ratio_threshold": Conversion(None, "leave it out: the train API skips no minibatch"),
    "use_score_scaling": Conversion(None, _IN_REWARD),
    "use_score_norm": Conversion(None, _IN_REWARD),
    "score_clip": Conversion(None, _IN_REWARD),
    "optimize_cuda_cache": Conversion(None, _MEMORY),
    "optimize_device_cache": Conversion(None, _MEMORY),
    "max_grad_norm": Conversion(None, "leave it out: the train API does not clip gradients"),
    "compare_steps": Conversion(None, _YOURS),
    "query_dataset": Conversion(None, _YOURS),
    "reward_model": Conversion(None, "leave it out: pass reward_model to the trainer"),
    "task_name": Conversion(None, _YOURS),
    "exp_name": Conversion("run_name={value}", "before 0.28.0 the trainer replaces run_name", since="0.28.0"),
    "remove_unused_columns": Conversion(
        "remove_unused_columns=False", "the data_collator gets every column: keep only input_ids in the dataset"
    ),
    "is_encoder_decoder": Conversion(None, _COMPUTED),
    "is_peft_model": Conversion(None, _COMPUTED),
    "world_size": Conversion(None, _COMPUTED),
    "global_batch_size": Conversion(None, _COMPUTED),
    "global_backward_batch_size": Conversion(None, _COMPUTED),
    "backward_batch_size": Conversion(None, _COMPUTED),
    "push_to_hub_if_best_kwargs": Conversion(None, "leave it out: call trainer.push_to_hub() yourself"),
    "tracker_project_name": Conversion(None, "leave it out: set the tracker's own variable, such as WANDB_PROJECT"),
    "tracker_kwargs": Conversion(None, "leave it out: set the tracker's own environment variables"),
    "project_kwargs": Conversion(None, "leave it out: the trainer writes to output_dir"),
    "accelerator_kwargs": Conversion(None, "leave it out: use use_cpu, bf16, deepspeed and `accelerate launch`"),
}

_BY_GENERATE = "before 0.12.0 it is an argument of generate(); create_ppo_config keeps it for run_ppo"

# Options of the train API -> the step API.
TO_STEP: Mapping[str, Conversion] = {
    "num_ppo_epochs": Conversion("ppo_epochs={value}"),
    "total_episodes": Conversion("steps={value}", "your loop decides when training ends"),
    "kl_coef": Conversion("init_kl_coef={value}, adap_kl_ctrl=False"),
    "kl_estimator": Conversion("kl_penalty='kl'", "'kl' is the same as 'k1'; there is no 'k3'", since="0.4.7"),
    "report_to": Conversion("log_with={value}", "one tracker, or None"),
    "response_length": Conversion(None, f"pass max_new_tokens to generate(): {_BY_GENERATE}"),
    "temperature": Conversion(None, f"pass temperature to generate(): {_BY_GENERATE}"),
    "use_cpu": Conversion("accelerator_kwargs={'cpu': {value}}"),
    # Within the step API.
    "mini_batch_size": Conversion("forward_batch_size=1", "before 0.3.0 each sample is its own minibatch"),
}

# The options that make up the batch, in each API.
STEP_BATCH = frozenset({"batch_size", "mini_batch_size", "forward_batch_size", "gradient_accumulation_steps"})
TRAIN_BATCH = frozenset({"per_device_train_batch_size", "gradient_accumulation_steps", "num_mini_batches"})


def batch_for_train(texts: Mapping[str, str], target: Version) -> tuple[str, str]:
    """Return the batch of the step API with the train API's options, as code and a note."""
    micro = texts.get("mini_batch_size") or texts.get("forward_batch_size") or "1"
    accumulation = texts.get("gradient_accumulation_steps", "1")
    backward = _product(micro, accumulation)
    batch = texts.get("batch_size", backward)
    mini_batches = _quotient(batch, backward)
    if target < SPLITS_BATCH:
        numbers, note = (
            (micro, accumulation, mini_batches),
            "an update has as many prompts as the product of the three",
        )
    else:
        numbers = (batch, "1", mini_batches)
        note = (
            "an update has per_device_train_batch_size prompts and num_mini_batches optimizer steps an epoch; if "
            "memory is short, lower local_rollout_forward_batch_size"
        )
    return _train_batch(*numbers), note


def batch_across_split(texts: Mapping[str, str], target: Version) -> tuple[str, str]:
    """Return a batch of the train API for the other side of 0.17.0, as code and a note."""
    batch = _product(texts.get("per_device_train_batch_size", "8"), texts.get("gradient_accumulation_steps", "1"))
    mini_batches = texts["num_mini_batches"]
    if target < SPLITS_BATCH:
        return _train_batch(_quotient(batch, mini_batches), "1", mini_batches), "the same number of prompts an update"
    return _train_batch(_product(batch, mini_batches), "1", mini_batches), "the same number of prompts an update"


def _train_batch(micro: str, accumulation: str, mini_batches: str) -> str:
    return (
        f"per_device_train_batch_size={micro}, gradient_accumulation_steps={accumulation}, "
        f"num_mini_batches={mini_batches}"
    )


def batch_for_step(texts: Mapping[str, str], target: Version, *, is_split: bool) -> tuple[str, str]:
    """Return the batch of the train API with the step API's options, as code and a note.

    Args:
        texts: The options given, as code.
        target: A release of the step API.
        is_split: Whether num_mini_batches splits the batch (from 0.17.0 on) or multiplies it.
    """
    micro = texts.get("per_device_train_batch_size", "8")
    accumulation = texts.get("gradient_accumulation_steps", "1")
    mini_batches = texts.get("num_mini_batches", "1")
    batch = _product(micro, accumulation)
    if is_split:
        micro, accumulation = _quotient(batch, mini_batches), "1"
    else:
        batch = _product(batch, mini_batches)
    note = "an update has batch_size prompts"
    if not in_spans(target, option_releases()["mini_batch_size"]):
        return f"batch_size={batch}, forward_batch_size=1", note + ", and each sample is its own minibatch"
    code = f"batch_size={batch}, mini_batch_size={micro}"
    if in_spans(target, option_releases()["gradient_accumulation_steps"]):
        code += f", gradient_accumulation_steps={accumulation}"
    return code, note


def _product(left: str, right: str) -> str:
    if left.isdigit() and right.isdigit():
        return str(int(left) * int(right))
    if "1" in (left, right):
        return right if left == "1" else left
    return f"{_wrapped(left)} * {_wrapped(right)}"


def _quotient(left: str, right: str) -> str:
    if left == right:
        return "1"
    if left.isdigit() and right.isdigit() and int(right) and int(left) % int(right) == 0:
        return str(int(left) // int(right))
    return left if right == "1" else f"{_wrapped(left)} // {_wrapped(right)}"


def _wrapped(text: str) -> str:
    return text if text.replace(".", "").replace("_", "").isalnum() else f"({text})"
