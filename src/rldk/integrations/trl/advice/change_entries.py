"""The data of `ppo_changes`: what each TRL release changed for PPO code, except options and their defaults."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["api", "module", "constructor", "behaviour", "environment"]

_ROW = "row of the matrix"
_READ = "read in every wheel: docs/generations.md"


@dataclass(frozen=True)
class Entry:
    """One change: the state from the release ``since`` on, and the state before it."""

    since: str
    kind: Kind
    now: str
    before: str
    source: str
    """An issue of huggingface/trl, a row of the matrix, or the contents of TRL's wheels."""


ENTRIES: tuple[Entry, ...] = (
    Entry(
        "0.2.0",
        "api",
        "PPOTrainer with generate() and step()",
        "different code, for GPT-2 only, which is not supported",
        _READ,
    ),
    Entry(
        *("0.9.2", "api", "PPOv2Trainer with train() in addition to PPOTrainer; select it with api='train'"),
        *("only PPOTrainer with generate() and step()", _ROW),
    ),
    Entry(
        *("0.12.0", "api", "PPOTrainer has only train(); run updates with run_ppo"),
        *("PPOTrainer has generate() and step(), and the caller scores the responses", "huggingface/trl#3250"),
    ),
    Entry("0.11.0", "module", "PPOv2Trainer is in trl", "PPOv2Trainer is in trl.trainer.ppov2_trainer only", _READ),
    Entry("0.13.0", "module", "PPOv2Trainer does not exist", "PPOv2Trainer is in trl", _READ),
    Entry(
        *(
            "0.26.0",
            "module",
            "PPOTrainer and PPOConfig are in trl.experimental.ppo; those in trl are deprecated stubs",
        ),
        *("PPOTrainer and PPOConfig are in trl", "huggingface/trl#4223"),
    ),
    Entry(
        "0.27.0", "module", "the value heads are in trl.experimental.ppo too", "the value heads are in trl only", _READ
    ),
    Entry(
        *("0.29.0", "module", "PPOTrainer, PPOConfig and the value heads are in trl.experimental.ppo only"),
        *("trl has the value heads, and PPOTrainer and PPOConfig at least as stubs", "huggingface/trl#5051"),
    ),
    Entry(
        *("0.12.0", "constructor"),
        "PPOTrainer(config, processing_class, policy, ref_policy, reward_model, train_dataset, value_model=...) and "
        "plain models",
        "PPOTrainer(config, model, ref_model, tokenizer, dataset) and value-head wrappers",
        "huggingface/trl#2340",
    ),
    Entry(
        *("0.13.0", "constructor", "PPOTrainer names its parameters args, model and ref_model, and takes peft_config"),
        *("PPOTrainer names its parameters config, policy and ref_policy (from 0.12.0)", _ROW),
    ),
    Entry(
        *("0.18.0", "constructor", "PPOTrainer requires value_model"),
        *("value_model is optional, but the train API fails without it", "huggingface/trl#1976"),
    ),
    Entry(
        *("0.3.0", "behaviour", "updates are split into minibatches (mini_batch_size), and seed is an option"),
        *("each sample is its own minibatch, and nothing is seeded", _ROW),
    ),
    Entry("0.4.2", "behaviour", "generate() takes a list of prompts", "generate() takes one prompt", _ROW),
    Entry(
        *("0.5.0", "behaviour", "max_grad_norm clips only the first optimizer step (create_ppo_trainer fixes this)"),
        *("max_grad_norm clips every optimizer step", _ROW),
    ),
    Entry(
        *("0.11.0", "behaviour", "PPOv2: missing_eos_penalty is subtracted from the score"),
        *("PPOv2: non_eos_penalty replaces the score with penalty_reward_value", _ROW),
    ),
    Entry(
        *(
            "0.12.0",
            "behaviour",
            "the value model is a separate network",
            "the value head shares the policy's network",
        ),
        _ROW,
    ),
    Entry(
        *("0.12.0", "behaviour", "the learning rate decays linearly to 0 over total_episodes (lr_scheduler_type)"),
        *("the learning rate is constant, unless you pass lr_scheduler", _ROW),
    ),
    Entry(
        *("0.12.0", "behaviour", "log-probabilities, KL and entropy are computed at the sampling temperature"),
        *("generate() takes the temperature, and log-probabilities are computed at temperature 1", _ROW),
    ),
    Entry(
        *("0.12.0", "behaviour", "gradients are never clipped, because max_grad_norm is not read"),
        *("max_grad_norm clips gradients", _ROW),
    ),
    Entry("0.13.0", "behaviour", "data_collator is used", "the train API ignores data_collator", _READ),
    Entry(
        *("0.14.0", "behaviour", "train API: responses end at stop_token or stop_token_id, if one is set"),
        *("train API: each response has response_length tokens, and is cut at stop_token only for the reward", _ROW),
    ),
    Entry(
        *("0.17.0", "behaviour"),
        "train API: an update has per_device_train_batch_size * gradient_accumulation_steps prompts per process, "
        "split into num_mini_batches minibatches; if gradient_accumulation_steps is above 1, num_mini_batches does "
        "not add optimizer steps",
        "train API: an update has num_mini_batches times as many prompts",
        "huggingface/trl#2531",
    ),
    Entry(
        *("0.19.0", "behaviour", "PPOConfig() fails without an accelerator, because bf16 is on by default"),
        *("PPOConfig() works on any machine", "huggingface/trl#3515"),
    ),
    Entry(
        *("0.22.0", "behaviour", "a policy with gradient checkpointing on fails in TRL's own train(), until 0.29.1"),
        *("train() does not read the policy's gradient checkpointing", "huggingface/trl#4954"),
    ),
    Entry(
        *("0.23.0", "behaviour", "train API: a checkpoint can be saved at the end of training"),
        "train API: saving a checkpoint at the end of training fails with transformers 4.47 or newer",
        "huggingface/trl#3998",
    ),
    Entry(
        *("0.27.0", "behaviour", "passing a PeftModel together with peft_config raises an error"),
        *("train API: a PeftModel passed together with peft_config is merged silently", _ROW),
    ),
    Entry(
        *("0.29.0", "behaviour", "without eval_dataset no completions are sampled"),
        *("train API: num_sample_generations above 0 without eval_dataset fails", _ROW),
    ),
    Entry(
        *("1.0.0", "behaviour", "a policy with gradient checkpointing on can be trained"),
        *("a policy with gradient checkpointing on fails in train(), from 0.22.0 on", "huggingface/trl#4954"),
    ),
    Entry(
        *("1.10.0", "behaviour", "objective/entropy does not count padding"),
        *("train API: objective/entropy counts padding and can be negative", "huggingface/trl#6121"),
    ),
    Entry(
        *("0.8.0", "environment", "TRL works with transformers 4.39 and newer"),
        *("TRL needs transformers older than 4.39", "huggingface/trl#1409"),
    ),
    Entry("0.11.0", "environment", "PPOTrainer warns (FutureWarning)", "PPOTrainer does not warn", _READ),
    Entry(
        "0.12.0",
        "environment",
        "TRL needs Python 3.9; PPOTrainer no longer warns",
        "PPOTrainer warns from 0.11.0 on",
        _READ,
    ),
    Entry("0.24.0", "environment", "PPOTrainer warns (UserWarning)", "PPOTrainer does not warn", _READ),
    Entry("0.25.0", "environment", "TRL needs Python 3.10", "TRL runs on Python 3.9", _READ),
    Entry(
        *(
            "0.26.0",
            "environment",
            "importing PPO warns (TRLExperimentalWarning) unless TRL_EXPERIMENTAL_SILENCE=1 is set",
        ),
        *("PPO is not experimental", "huggingface/trl#4223"),
    ),
)
