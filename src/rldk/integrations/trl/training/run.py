"""``run_ppo``: the same PPO updates through TRL's step API and its train API."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rldk.integrations.trl.data.batches import BatchStream
from rldk.integrations.trl.data.columns import other_columns
from rldk.integrations.trl.data.prompts import is_for_own_loop, padding_side, without_padding
from rldk.integrations.trl.models.kinds import KnownModel, classify
from rldk.integrations.trl.releases.generations import Generation
from rldk.integrations.trl.releases.importing import import_or_explain
from rldk.integrations.trl.releases.main_process import on_each, warn
from rldk.integrations.trl.releases.quiet import callers_warnings, third_party_warnings
from rldk.integrations.trl.releases.trainers import api_of, generation_of_trainer, tokenizer_of
from rldk.integrations.trl.rewards.models import moved_to
from rldk.integrations.trl.rewards.scoring import check_reward_model, score_responses
from rldk.integrations.trl.rewards.weighted import combined
from rldk.integrations.trl.training.callback_warnings import callbacks_together
from rldk.integrations.trl.training.generation_arguments import checked_generation_arguments
from rldk.integrations.trl.training.metrics import PPOMetrics, step_numbers, watched_step, watched_train
from rldk.integrations.trl.training.ranks import Ranks
from rldk.integrations.trl.training.sampling import (
    ready_to_generate,
    warn_if_cut_off,
    warn_if_model_cuts_off,
    without_padding_after_stop,
)
from rldk.integrations.trl.training.step_callbacks import StepCallbacks
from rldk.integrations.trl.training.symptoms import Symptoms
from rldk.integrations.trl.training.tracking import check_completions_can_be_logged
from rldk.integrations.trl.training.tracking import log_completions as log_rollout
from rldk.integrations.trl.training.train_updates import planned_updates, run_train_updates
from rldk.integrations.trl.training.trainer_fixes import fix_step_trainer

# Defaults of the train API's PPOConfig (0.12.0-1.12.0), for a step API config that does not set them.
_RESPONSE_LENGTH = 53
_TEMPERATURE = 0.7
_ROLLOUT_BATCH_SIZE = 64


def run_ppo(
    trainer: Any,
    steps: int = 1,
    *,
    reward_model: Any = None,
    log_completions: bool = False,
    **generation_kwargs: Any,
) -> list[PPOMetrics]:
    """Run ``steps`` PPO updates. Each is a rollout of one batch and the optimization on it.

    Args:
        trainer: From `create_ppo_trainer`, or a ``PPOTrainer`` of the installed release.
        steps: Number of updates.
        reward_model: Scores the responses if `create_ppo_trainer` did not create the trainer. Step API only.
        log_completions: Send a table of prompts, responses and rewards to the trackers of ``report_to`` at each
            update.
        **generation_kwargs: Passed to ``generate``; they override the config. Both APIs take ``top_k``, ``top_p``,
            ``min_new_tokens``, ``do_sample``, a list of several ``eos_token_id``, ``stop_strings`` and
            ``length_sampler``, a callable that returns the ``max_new_tokens`` (tokens) of the next batch, such as
            TRL's ``LengthSampler``. The step API takes others too.

    Returns:
        One `PPOMetrics` per update, in order.

    Raises:
        ValueError: ``steps`` is below 1, the dataset is smaller than a batch, there is no reward model, or
            ``log_completions`` has no tracker that takes tables.
        TypeError: An argument of ``generate`` that is set elsewhere, or a reward model for the train API. The message
            says where to set it.
        RewardFunctionError: A reward function raised an exception. The message names the function and the batch.
    """
    if steps < 1:
        raise ValueError(f"run_ppo: steps must be at least 1, got {steps}")
    api, ranks = api_of(trainer), Ranks(trainer.accelerator)
    given = {} if api == "step" or reward_model is None else {"reward_model": reward_model}
    generation_kwargs = ready_to_generate(trainer, checked_generation_arguments(api, given | generation_kwargs))
    if api == "step":
        StepCallbacks.of(trainer)  # in case create_ppo_trainer did not create the trainer
    if log_completions:
        check_completions_can_be_logged(trainer)
    warn_if_cut_off(trainer, generation_kwargs)
    if api == "step":
        with third_party_warnings(), ranks.failing_together(), callbacks_together(trainer, ranks):
            known = _step_reward(trainer, reward_model)
            with moved_to(known, trainer.accelerator.device):
                return list(
                    _step_updates(trainer, steps, known, generation_kwargs, ranks, completions=log_completions)
                )
    return _train_updates(trainer, steps, generation_kwargs, ranks, completions=log_completions)


def _train_updates(
    trainer: Any, steps: int, generation_kwargs: dict[str, Any], ranks: Ranks, *, completions: bool
) -> list[PPOMetrics]:
    _check_batches(trainer, trainer.args.local_batch_size)
    done, planned = trainer.lr_scheduler.last_epoch, planned_updates(trainer)
    if done + steps > planned:
        warn(
            f"run_ppo: the learning-rate schedule is planned for {planned} updates, but {done} are done and {steps} "
            f"more are requested; past its end the learning rate is whatever the schedule computes (0 if linear): "
            f"raise total_episodes",
            stacklevel=3,
        )
    # The response continues the prompt at its end, so padding goes on the left.
    with (
        third_party_warnings(),
        ranks.failing_together(),
        callbacks_together(trainer, ranks),
        padding_side(tokenizer_of(trainer), "left"),
        watched_train(trainer, completions=completions) as updates,
    ):
        run_train_updates(trainer, steps, updates, generation_kwargs, ranks)
    return updates


def _step_reward(trainer: Any, given: Any) -> KnownModel:
    reward = getattr(trainer, "reward_model", None) if given is None else given
    if reward is None:
        raise ValueError("run_ppo: there is no reward model: pass reward_model, a model or a function of texts")
    known = classify(combined(reward))
    check_reward_model(known)
    return known


def _step_updates(
    trainer: Any,
    steps: int,
    known_reward: KnownModel,
    generation_kwargs: dict[str, Any],
    ranks: Ranks,
    *,
    completions: bool,
) -> Iterator[PPOMetrics]:
    _check_batches(trainer, trainer.config.batch_size)
    if is_for_own_loop(trainer.dataloader.dataset):
        raise ValueError(
            "run_ppo: train_dataset has no input_ids: tokenize the prompts into a column input_ids, or call "
            "trainer.step in a loop of your own"
        )
    generation = generation_of_trainer(trainer)
    fix_step_trainer(generation, trainer)  # in case create_ppo_trainer did not create it
    rows = getattr(trainer.config, "mini_batch_size", trainer.config.batch_size)  # before 0.3.0 there is no such size
    batches = BatchStream.of(trainer)
    callbacks = StepCallbacks.of(trainer)
    for _ in callbacks.updates(steps):
        # Before 0.3.0 an epoch ends with a smaller batch, which `step()` rejects.
        batch = next(batch for batch in batches if len(batch["input_ids"]) == trainer.config.batch_size)
        queries = without_padding(trainer.tokenizer, batch)
        responses = _generate(generation, trainer, queries, generation_kwargs)
        # An encoder-decoder's response begins with the decoder's start token, which is not part of the text.
        texts = [response[1:] for response in responses] if trainer.is_encoder_decoder else responses
        columns = other_columns(batch)
        scores = score_responses(known_reward, trainer.tokenizer, queries, texts, rows, columns)
        ranks.meet()
        device = trainer.accelerator.device
        temperature = generation_kwargs.get("temperature", getattr(trainer.config, "temperature", _TEMPERATURE))
        # TRL's forward pass counts positions from the start of a row, so padding on the left would shift them.
        with padding_side(trainer.tokenizer, "right"), watched_step(generation, trainer, temperature) as rollout:
            stats = trainer.step([q.to(device) for q in queries], responses, [s.to(device) for s in scores])
        metrics = step_numbers(trainer, rollout, scores, stats)
        Symptoms.of(trainer).watch(metrics)
        callbacks.log({**stats, **metrics})
        if completions:
            log_rollout(trainer, queries, texts, scores)
        yield metrics


def _check_batches(trainer: Any, size: int) -> None:
    # Without a full batch the train API would wait for one forever.
    loader, processes = trainer.dataloader, trainer.accelerator.num_processes
    if loader is None:
        raise ValueError("run_ppo: the trainer has no train_dataset: pass it to create_ppo_trainer")
    if len(loader) == 0 or len(loader.dataset) < size * processes:
        raise ValueError(
            f"run_ppo: the dataset has fewer prompts than one batch of {size}{on_each(processes)}: "
            f"use a larger train_dataset or a smaller batch"
        )


def _generate(generation: Generation, trainer: Any, queries: list[Any], overrides: dict[str, Any]) -> list[Any]:
    config, tokenizer = trainer.config, trainer.tokenizer
    # TRL masks the first and last token of an encoder-decoder, which leaves nothing of a one-token response.
    shortest = max(generation.shortest_response, 2 if trainer.is_encoder_decoder else 1)
    kwargs = {
        **({"min_new_tokens": shortest} if shortest > 1 else {}),
        "max_new_tokens": getattr(config, "response_length", _RESPONSE_LENGTH),
        "temperature": getattr(config, "temperature", _TEMPERATURE),
        "top_k": 0,
        "top_p": 1.0,
        "do_sample": True,
        "pad_token_id": tokenizer.pad_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        **overrides,
    }
    with callers_warnings():
        warn_if_model_cuts_off(trainer, kwargs)
    queries = [query.to(trainer.accelerator.device) for query in queries]
    if generation.generates_batches:
        size = getattr(config, "local_rollout_forward_batch_size", _ROLLOUT_BATCH_SIZE)
        responses = trainer.generate(queries, batch_size=size, return_prompt=False, **kwargs)
    else:
        length_sampler = kwargs.pop("length_sampler", None)  # TRL's own takes it where it generates batches
        prompt, responses = 0 if trainer.is_encoder_decoder else 1, []
        for query in queries:
            if length_sampler is not None:
                kwargs["max_new_tokens"] = length_sampler()
            responses.append(trainer.generate(query, **kwargs)[0][prompt * len(query) :])
    # 0.4.2-0.4.6 leave the batch's padding after a response, and `step()` treats it as real tokens.
    return [_up_to_end(tokenizer, response, kwargs, after=int(trainer.is_encoder_decoder)) for response in responses]


def _up_to_end(tokenizer: Any, response: Any, kwargs: dict[str, Any], after: int) -> Any:
    """Return the response up to its stop string or first EOS token, but not before the first ``after`` tokens."""
    stopped = without_padding_after_stop(tokenizer, response, kwargs.get("stop_strings"))
    if stopped is not None:
        return stopped
    torch, eos = import_or_explain("torch"), kwargs["eos_token_id"]
    ends = torch.isin(response[after:], torch.as_tensor([] if eos is None else eos).to(response)).nonzero()
    return response[: after + int(ends[0]) + 1] if len(ends) else response
