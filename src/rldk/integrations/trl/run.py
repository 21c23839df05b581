"""``run_ppo``: the same PPO updates through TRL's step API and its train API."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

from rldk.integrations.trl.generations import import_or_explain, installed_generation
from rldk.integrations.trl.quiet import third_party_warnings
from rldk.integrations.trl.reward import score_responses

# Portable name -> TRL's own, for the train API (0.12.0-1.12.0) and for the step API (0.2.0-0.11.4).
_TRAIN_METRICS: Mapping[str, str] = {
    "kl": "objective/kl",
    "entropy": "objective/entropy",
    "score": "objective/scores",
    "policy_loss": "loss/policy_avg",
    "value_loss": "loss/value_avg",
    "clip_fraction": "policy/clipfrac_avg",
}
_STEP_METRICS: Mapping[str, str] = {
    "kl": "objective/kl",
    "entropy": "objective/entropy",
    "policy_loss": "ppo/loss/policy",
    "value_loss": "ppo/loss/value",
    "clip_fraction": "ppo/policy/clipfrac",
}

# The train API's own defaults (PPOConfig, 0.12.0-1.12.0), for a step API config that does not say.
_RESPONSE_LENGTH = 53
_TEMPERATURE = 0.7
_ROLLOUT_BATCH_SIZE = 64


class PPOMetrics(dict[str, float]):
    """One update's metrics under portable names; ``trl`` holds TRL's own numbers under TRL's names.

    ``kl``: summed over a response's tokens, mean over the batch, in nats. ``entropy``: the same of ``-log p``.
    ``score``: mean reward of the batch before the KL penalty. ``policy_loss``, ``value_loss``,
    ``clip_fraction``: means over the update's minibatches.
    """

    def __init__(self, portable: Mapping[str, float], trl: Mapping[str, Any]) -> None:
        super().__init__(portable)
        self.trl = dict(trl)


def run_ppo(trainer: Any, steps: int = 1, *, reward_model: Any = None, **generation_kwargs: Any) -> list[PPOMetrics]:
    """Run ``steps`` PPO updates, each a rollout of one batch and the optimization on it.

    Args:
        trainer: from `create_ppo_trainer`, or a ``PPOTrainer`` of the installed release.
        steps: how many updates.
        reward_model: step API, for a trainer that was not made by `create_ppo_trainer`: what scores responses.
        **generation_kwargs: step API only: given to ``generate`` over the config's own.

    Returns:
        One `PPOMetrics` an update, in order.

    Raises:
        ValueError: ``steps`` is below 1, the dataset is smaller than a batch, or nothing scores the responses.
        TypeError: the train API was given generation arguments or a reward model: its trainer holds both.
    """
    if steps < 1:
        raise ValueError(f"run_ppo: steps must be at least 1, got {steps}")
    if hasattr(trainer, "step"):
        with third_party_warnings():
            return list(_step_updates(trainer, steps, reward_model, generation_kwargs))
    if reward_model is not None or generation_kwargs:
        given = ", ".join([*(["reward_model"] if reward_model is not None else []), *generation_kwargs])
        raise TypeError(
            f"run_ppo: the train API takes {given} from its trainer and config: "
            f"give them to create_ppo_trainer or create_ppo_config"
        )
    return _train_updates(trainer, steps)


def _train_updates(trainer: Any, steps: int) -> list[PPOMetrics]:
    done, planned = trainer.lr_scheduler.last_epoch, trainer.args.num_total_batches
    if done + steps > planned:
        warnings.warn(
            f"run_ppo: the learning-rate schedule was planned for {planned} updates, {done} are done and {steps} "
            f"more asked for: past its end the rate is what the schedule leaves (0 if linear); raise total_episodes",
            stacklevel=3,
        )
    seen = len(trainer.state.log_history)
    trainer.args.num_total_batches = steps  # train() runs this many, then returns
    try:
        with third_party_warnings():
            trainer.train()
    finally:
        trainer.args.num_total_batches = planned
    logged = [entry for entry in trainer.state.log_history[seen:] if "objective/kl" in entry]
    return [PPOMetrics({ours: entry[theirs] for ours, theirs in _TRAIN_METRICS.items()}, entry) for entry in logged]


def _step_updates(
    trainer: Any, steps: int, reward_model: Any, generation_kwargs: dict[str, Any]
) -> Iterator[PPOMetrics]:
    reward = getattr(trainer, "reward_model", None) if reward_model is None else reward_model
    if reward is None:
        raise ValueError("run_ppo: nothing scores the responses: give reward_model, a model or a function of texts")
    batches = _batches(trainer)
    for _ in range(steps):
        queries = [_without_padding(trainer, query) for query in next(batches)["input_ids"]]
        responses = _generate(trainer, queries, generation_kwargs)
        scores = score_responses(reward, trainer.tokenizer, queries, responses)
        device = trainer.accelerator.device
        stats = trainer.step([q.to(device) for q in queries], responses, [s.to(device) for s in scores])
        portable = {ours: _scalar(stats[theirs]) for ours, theirs in _STEP_METRICS.items()}
        portable["score"] = math.fsum(float(score) for score in scores) / len(scores)
        yield PPOMetrics(portable, stats)


def _batches(trainer: Any) -> Iterator[dict[str, Any]]:
    """The trainer's batches, over and over; kept on it so that a second `run_ppo` goes on where this one ends."""
    if trainer.dataloader is None or len(trainer.dataloader) == 0:
        raise ValueError(
            f"run_ppo: the dataset has less than one batch of {trainer.config.batch_size} prompts: "
            f"give a larger train_dataset or a smaller batch"
        )
    if not hasattr(trainer, "_rldk_batches"):
        trainer._rldk_batches = (batch for _ in iter(int, 1) for batch in trainer.dataloader)
    batches: Iterator[dict[str, Any]] = trainer._rldk_batches
    return batches


def keep_lists(examples: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """Collate for the step API, which takes a list of prompts of different length."""
    return {column: [example[column] for example in examples] for column in examples[0]}


def _without_padding(trainer: Any, query: Any) -> Any:
    """The prompt as a 1-D tensor; padding that the train API's datasets carry is taken off either end."""
    torch = import_or_explain("torch")
    query = torch.as_tensor(query)
    pad, eos = trainer.tokenizer.pad_token_id, trainer.tokenizer.eos_token_id
    if pad is None or pad == eos:  # then padding cannot be told from an end of text
        return query
    kept = torch.nonzero(query != pad).flatten()
    return query[kept[0] : kept[-1] + 1] if len(kept) else query


def _generate(trainer: Any, queries: list[Any], overrides: dict[str, Any]) -> list[Any]:
    config, tokenizer, generation = trainer.config, trainer.tokenizer, installed_generation()
    kwargs = {
        **({"min_new_tokens": generation.shortest_response} if generation.shortest_response > 1 else {}),
        "max_new_tokens": getattr(config, "response_length", _RESPONSE_LENGTH),
        "temperature": getattr(config, "temperature", _TEMPERATURE),
        "top_k": 0,
        "top_p": 1.0,
        "do_sample": True,
        "pad_token_id": tokenizer.pad_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        **overrides,
    }
    queries = [query.to(trainer.accelerator.device) for query in queries]
    if generation.generates_batches:
        size = getattr(config, "local_rollout_forward_batch_size", _ROLLOUT_BATCH_SIZE)
        responses: list[Any] = trainer.generate(queries, batch_size=size, return_prompt=False, **kwargs)
        return responses
    return [trainer.generate(query, **kwargs)[0][len(query) :] for query in queries]


def _scalar(value: Any) -> float:
    return float(value.mean()) if hasattr(value, "mean") else float(value)
