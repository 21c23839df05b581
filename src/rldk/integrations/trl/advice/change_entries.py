"""What changed for PPO code at which TRL release, besides options and their defaults; the data of `ppo_changes`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["api", "module", "constructor", "behaviour", "environment"]

_ROW = "row of the matrix"
_READ = "read in every wheel: docs/generations.md"


@dataclass(frozen=True)
class Entry:
    """One change: how it is from ``since`` on, and how it was before."""

    since: str
    kind: Kind
    now: str
    before: str
    source: str
    """An issue of huggingface/trl, a row of the matrix, or what was read in its wheels."""


ENTRIES: tuple[Entry, ...] = (
    Entry(
        "0.2.0",
        "api",
        "PPOTrainer with generate() and step()",
        "GPT-2 code of another form, which is not supported",
        _READ,
    ),
    Entry(
        *("0.9.2", "api", "PPOv2Trainer with train() beside PPOTrainer, for api='train'"),
        *("PPOTrainer with generate() and step() alone", _ROW),
    ),
    Entry(
        *("0.12.0", "api", "PPOTrainer has train() alone; run updates with run_ppo"),
        *("PPOTrainer has generate() and step(), and the caller scores the responses", "huggingface/trl#3250"),
    ),
    Entry("0.11.0", "module", "PPOv2Trainer is in trl", "PPOv2Trainer is in trl.trainer.ppov2_trainer only", _READ),
    Entry("0.13.0", "module", "there is no PPOv2Trainer", "PPOv2Trainer is in trl", _READ),
    Entry(
        *(
            "0.26.0",
            "module",
            "PPOTrainer and PPOConfig are in trl.experimental.ppo, those of trl are deprecated stubs",
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
        *("0.13.0", "constructor", "PPOTrainer calls them args, model and ref_model, and takes peft_config"),
        *("PPOTrainer calls them config, policy and ref_policy (from 0.12.0)", _ROW),
    ),
    Entry(
        *("0.18.0", "constructor", "PPOTrainer must be given value_model"),
        *("value_model may be left out, which the train API never survived", "huggingface/trl#1976"),
    ),
    Entry(
        *("0.3.0", "behaviour", "updates go by minibatches (mini_batch_size), and seed is an option"),
        *("each sample is a minibatch of its own, and nothing is seeded", _ROW),
    ),
    Entry("0.4.2", "behaviour", "generate() takes a list of prompts", "generate() takes one prompt", _ROW),
    Entry(
        *("0.5.0", "behaviour", "max_grad_norm clips the first optimizer step only (create_ppo_config mends it)"),
        *("max_grad_norm clips every step", _ROW),
    ),
    Entry(
        *("0.11.0", "behaviour", "PPOv2: missing_eos_penalty is subtracted from the score"),
        *("PPOv2: non_eos_penalty puts penalty_reward_value in place of the score", _ROW),
    ),
    Entry(
        *(
            "0.12.0",
            "behaviour",
            "the value model is a network of its own",
            "the value head shares the policy's network",
        ),
        _ROW,
    ),
    Entry(
        *("0.12.0", "behaviour", "the learning rate falls linearly to 0 over total_episodes (lr_scheduler_type)"),
        *("the learning rate stays, unless lr_scheduler is given", _ROW),
    ),
    Entry(
        *("0.12.0", "behaviour", "log-probabilities, KL and entropy are of the sampling temperature"),
        *("generate() is given the temperature, and log-probabilities are taken at 1", _ROW),
    ),
    Entry(
        "0.12.0", "behaviour", "gradients are never clipped: max_grad_norm is not read", "max_grad_norm clips", _ROW
    ),
    Entry("0.13.0", "behaviour", "data_collator is used", "the train API ignores data_collator", _READ),
    Entry(
        *("0.14.0", "behaviour", "train API: responses end at stop_token or stop_token_id, where one is given"),
        *("train API: each response is response_length tokens, and cut at stop_token for the reward only", _ROW),
    ),
    Entry(
        *("0.17.0", "behaviour"),
        "train API: an update has per_device_train_batch_size * gradient_accumulation_steps prompts a process, which "
        "num_mini_batches divides; where gradient_accumulation_steps is above 1 it adds no optimizer steps",
        "train API: an update has num_mini_batches times as many prompts",
        "huggingface/trl#2531",
    ),
    Entry(
        *("0.19.0", "behaviour", "PPOConfig() fails without an accelerator, because bf16 is on"),
        *("PPOConfig() can be made on any machine", "huggingface/trl#3515"),
    ),
    Entry(
        *("0.22.0", "behaviour", "a policy with gradient checkpointing on fails in TRL's own train(), until 0.29.1"),
        *("the policy's gradient checkpointing is not looked at", "huggingface/trl#4954"),
    ),
    Entry(
        *("0.23.0", "behaviour", "a checkpoint at the end of training is saved"),
        *("train API: saving one fails with transformers of 2025 and later", "huggingface/trl#3998"),
    ),
    Entry(
        *("0.27.0", "behaviour", "a PeftModel together with peft_config raises"),
        *("train API: a PeftModel together with peft_config is merged silently", _ROW),
    ),
    Entry(
        *("0.29.0", "behaviour", "without eval_dataset no completions are sampled"),
        *("train API: num_sample_generations above 0 without eval_dataset fails", _ROW),
    ),
    Entry(
        *("1.0.0", "behaviour", "a policy with gradient checkpointing on trains"),
        *("from 0.22.0 on it fails", "huggingface/trl#4954"),
    ),
    Entry(
        *("1.10.0", "behaviour", "objective/entropy leaves padding out"),
        *("train API: objective/entropy counts padding and can be negative", "huggingface/trl#6121"),
    ),
    Entry(
        *("0.8.0", "environment", "imports with transformers 4.39 and newer"),
        *("needs transformers below 4.39", "huggingface/trl#1409"),
    ),
    Entry(
        "0.11.0", "environment", "PPOTrainer warns (FutureWarning)", "PPOTrainer gives no warning of its own", _READ
    ),
    Entry(
        "0.12.0",
        "environment",
        "needs Python 3.9; PPOTrainer no longer warns",
        "PPOTrainer warns from 0.11.0 on",
        _READ,
    ),
    Entry("0.24.0", "environment", "PPOTrainer warns (UserWarning)", "PPOTrainer gives no warning of its own", _READ),
    Entry("0.25.0", "environment", "needs Python 3.10", "runs on Python 3.9", _READ),
    Entry(
        *(
            "0.26.0",
            "environment",
            "importing warns unless TRL_EXPERIMENTAL_SILENCE=1 is set (TRLExperimentalWarning)",
        ),
        *("PPO is no experimental code", "huggingface/trl#4223"),
    ),
)
