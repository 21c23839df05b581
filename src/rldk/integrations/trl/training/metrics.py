"""The metrics of a PPO update, with the same meaning on every release.

TRL reports different numbers under the same name. The train API counts padding in its entropy before 1.10.0
(huggingface/trl#6121), averages its losses over minibatches that do not exist from 0.17.0 on, includes a penalty in
the score and may estimate KL with k3. The step API computes log-probabilities at temperature 1, whatever temperature
it samples at. So the inputs of the metrics are read from the running trainer, and only the sums are computed here.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from types import FrameType
from typing import Any

from rldk.integrations.trl.releases.generations import Generation
from rldk.integrations.trl.releases.importing import import_or_explain
from rldk.integrations.trl.releases.main_process import warn
from rldk.integrations.trl.releases.trainers import reference_of
from rldk.integrations.trl.training.replaced import replaced
from rldk.integrations.trl.training.symptoms import Symptoms
from rldk.integrations.trl.training.tracking import log_completions

# Portable name -> TRL's name, for the train API (0.12.0-1.12.0) and for the step API (0.2.0-0.11.4).
_TRAIN_METRICS: Mapping[str, str] = {
    "kl": "objective/kl",
    "entropy": "objective/entropy",
    "score": "objective/scores",
    "policy_loss": "loss/policy_avg",
    "value_loss": "loss/value_avg",
    "clip_fraction": "policy/clipfrac_avg",
}
_STEP_METRICS: Mapping[str, str] = {
    "policy_loss": "ppo/loss/policy",
    "value_loss": "ppo/loss/value",
    "clip_fraction": "ppo/policy/clipfrac",
}

# Local variables of the train API's `train()` when it logs. Their names are the same since PPOv2Trainer of 0.9.2.
_ROLLOUT = ("args", "logprobs", "ref_logprobs", "padding_mask", "scores", "contain_eos_token")
_COMPLETIONS = ("queries", "postprocessed_responses", "scores")
_STATS: Mapping[str, str] = {
    "policy_loss": "pg_loss_stats",
    "value_loss": "vf_loss_stats",
    "clip_fraction": "pg_clipfrac_stats",
}


class PPOMetrics(dict[str, float]):
    """The metrics of one update under portable names. ``trl`` holds TRL's numbers under TRL's names.

    Sums run over the tokens of a response without padding. Log-probabilities are in nats and belong to the policy
    that sampled: at its temperature, before the update. With several processes each metric is the mean over them.

    Attributes:
        kl: Mean over the batch of the sum of ``log p(token) - log p_ref(token)``, the k1 estimator of the divergence
            from the reference model (Ziegler et al. 2019, arXiv:1909.08593). ``kl_estimator`` and ``kl_penalty`` do
            not affect it.
        entropy: Mean over the batch of the sum of ``-log p(token)``, the sampled estimate of a response's entropy.
        score: Mean over the batch of the output of the reward model or function, before the KL penalty, the EOS
            penalty, scaling and clipping. PPOv2Trainer of 0.9.2-0.10.1 overwrites the scores for
            ``non_eos_penalty``, so there the score includes that penalty.
        policy_loss: Clipped surrogate loss (Schulman et al. 2017, arXiv:1707.06347), the mean over the tokens of a
            minibatch, then over the minibatches and epochs of the update. Advantages are whitened, as in TRL.
        value_loss: Half the clipped squared error of the value, averaged the same way, without ``vf_coef``.
        clip_fraction: Share of tokens where clipping the ratio took effect, averaged the same way.
    """

    def __init__(self, portable: Mapping[str, float], trl: Mapping[str, Any]) -> None:
        super().__init__(portable)
        self.trl = dict(trl)


@contextmanager
def watched_train(trainer: Any, *, completions: bool) -> Iterator[list[PPOMetrics]]:
    """Within the context, collect one `PPOMetrics` for each update that the train API's ``train()`` logs.

    Args:
        trainer: A trainer of the train API.
        completions: Also send the rollout to the trackers.
    """
    updates: list[PPOMetrics] = []
    log = trainer.log

    def watched(logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        if "objective/kl" not in logs:
            log(logs, *args, **kwargs)
            return
        frame = inspect.currentframe()
        variables = _training_variables(frame.f_back if frame is not None else None)
        updates.append(PPOMetrics(_train_numbers(trainer, variables, logs), {}))  # before `log`: callbacks read it
        Symptoms.of(trainer).watch(updates[-1])
        log(logs, *args, **kwargs)
        updates[-1].trl.update(trainer.state.log_history[-1])
        if completions and variables:
            log_completions(trainer, *(variables[name] for name in _COMPLETIONS))
        elif completions:
            warn(
                f"run_ppo: {type(trainer).__qualname__} overrides TRL's train(), so its completions are not logged: "
                f"call TRL's train() in it",
                stacklevel=2,
            )

    with replaced(trainer, log=watched):
        yield updates


def _training_variables(frame: FrameType | None) -> Mapping[str, Any]:
    while frame is not None:
        if all(name in frame.f_locals for name in (*_ROLLOUT, *_STATS.values())):
            return frame.f_locals
        frame = frame.f_back
    return {}


def _train_numbers(trainer: Any, variables: Mapping[str, Any], entry: Mapping[str, Any]) -> dict[str, float]:
    if not variables:
        missing = ", ".join(theirs for theirs in _TRAIN_METRICS.values() if theirs not in entry)
        absent = f"; it does not log {missing}, so those metrics are NaN" if missing else ""
        warn(
            f"run_ppo: {type(trainer).__qualname__} overrides TRL's train(), so metrics are returned as it logs them: "
            f"entropy may count padding, the score may include a penalty, and means may count empty minibatches"
            f"{absent}",
            stacklevel=4,
        )
        return {ours: float(entry.get(theirs, math.nan)) for ours, theirs in _TRAIN_METRICS.items()}
    args, logprobs, ref_logprobs, padding, scores, with_eos = (variables[name] for name in _ROLLOUT)
    penalty = getattr(args, "missing_eos_penalty", None) or 0.0
    numbers = {
        "kl": _mean_of_sums(logprobs - ref_logprobs, ~padding),
        "entropy": _mean_of_sums(-logprobs, ~padding),
        "score": (scores.float() + penalty * ~with_eos).mean(),
    }
    # TRL averages over `gradient_accumulation_steps` slots per minibatch, including those that it never fills.
    minibatches = -(-args.local_batch_size // args.local_mini_batch_size)
    passes = -(-args.local_mini_batch_size // args.per_device_train_batch_size)
    numbers |= {ours: variables[name][:, :minibatches, :passes].mean() for ours, name in _STATS.items()}
    return {name: _over_processes(trainer, numbers[name]) for name in _TRAIN_METRICS}


@contextmanager
def watched_step(generation: Generation, trainer: Any, temperature: float) -> Iterator[dict[str, float]]:
    """Within the context, compute ``kl`` and ``entropy`` while the step API's ``step()`` runs.

    At a temperature other than 1, each forward pass of the rollout runs a second time with its logits divided by the
    temperature. The random state is restored afterwards.
    """
    torch = import_or_explain("torch")
    numbers: dict[str, float] = {}
    scaled: list[Any] = []
    forward, record = trainer.batched_forward_pass, trainer.record_step_stats
    both_models = generation.forwards_both_models

    def forward_at_temperature(*args: Any, **kwargs: Any) -> Any:
        result = forward(*args, **kwargs)
        if both_models or not torch.is_grad_enabled():  # a pass with gradients belongs to the update
            device = trainer.accelerator.device
            with (
                torch.random.fork_rng([device] if device.type == "cuda" else []),
                _divided_logits(trainer, temperature),
            ):
                again = forward(*args, **kwargs)
            scaled.extend(again[:2] if both_models else again[:1])
        return result

    def watched(*args: Any, **data: Any) -> Any:
        logprobs, ref_logprobs = scaled or (data["logprobs"], data["ref_logprobs"])
        masks = data["masks"] if "masks" in data else [torch.ones_like(response) for response in logprobs]
        pairs = zip(logprobs, ref_logprobs, strict=True)
        numbers["kl"] = _over_processes(trainer, _mean_of_sums([ours - theirs for ours, theirs in pairs], masks))
        numbers["entropy"] = _over_processes(trainer, _mean_of_sums([-response for response in logprobs], masks))
        return record(*args, **data)

    with ExitStack() as stack:
        stack.enter_context(replaced(trainer, record_step_stats=watched))
        if temperature != 1:
            stack.enter_context(replaced(trainer, batched_forward_pass=forward_at_temperature))
        yield numbers


def step_numbers(
    trainer: Any, rollout: Mapping[str, float], scores: list[Any], stats: Mapping[str, Any]
) -> PPOMetrics:
    """Return the step API's metrics, from `watched_step`, the scores and what ``step()`` returned."""
    torch = import_or_explain("torch")
    device = trainer.accelerator.device
    score = _over_processes(trainer, torch.stack([score.reshape(()) for score in scores]).mean().to(device))
    losses = {ours: _scalar(stats[theirs]) for ours, theirs in _STEP_METRICS.items()}
    return PPOMetrics({**rollout, "score": score, **losses}, stats)


@contextmanager
def _divided_logits(trainer: Any, temperature: float) -> Iterator[None]:
    def divide(module: Any, inputs: Any, output: Any) -> tuple[Any, ...]:
        return (output[0] / temperature, *output[1:])

    with ExitStack() as stack:
        for model in {
            id(model): model for model in (trainer.model, reference_of(trainer)) if model is not None
        }.values():
            stack.callback(model.register_forward_hook(divide).remove)
        yield


def _mean_of_sums(values: Any, masks: Any) -> Any:
    """Return the mean over responses of the sum over unmasked tokens, as a 0-D tensor."""
    torch = import_or_explain("torch")
    # Not a product with the mask: padding may hold an infinity.
    sums = [value.masked_fill(mask == 0, 0).sum() for value, mask in zip(values, masks, strict=True)]
    return torch.stack(sums).float().mean()


def _over_processes(trainer: Any, value: Any) -> float:
    return float(trainer.accelerator.gather(value).float().mean())


def _scalar(value: Any) -> float:
    return float(value.mean()) if hasattr(value, "mean") else float(value)
