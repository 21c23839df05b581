"""One PPO update computed from the papers, sample by sample and without padding, to hold TRL's numbers against.

Schulman et al. 2017 (PPO, arXiv:1707.06347), Schulman et al. 2016 (GAE, arXiv:1506.02438) and Ziegler et al. 2019
(KL to the reference model as a reward, arXiv:1909.08593). Where TRL does something else, that is a variant here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

# What TRL does otherwise than the papers, or than its other releases do.
TEMPERATURE_ONE = "losses and rewards at temperature 1, whatever samples"
VALUES_EARLY = "values of the rollout one token early"
MINIBATCH_WHITENING = "advantages whitened over the minibatch, not the batch"
SCORE_LATE = "score one token after a response that ended early, with a value there"


@dataclass
class Sample:
    """One prompt and response as token ids, and what it scored, penalties included."""

    prompt: list[int]
    response: list[int]
    score: float


@dataclass
class Pass:
    """One forward pass of the update: the models as they were and which samples it saw."""

    policy: Any
    values: Any
    samples: list[int]


@dataclass
class Options:
    temperature: float
    kl_coef: float
    gamma: float
    lam: float
    cliprange: float
    cliprange_value: float
    width: int
    """Of the responses' tensor: what the longest has, or what generation was asked for."""


def bias_ends(model: Any, tokenizer: Any, end: float) -> None:
    """Let a policy sample the end of text more often, by ``end`` nats, and the pad token never."""
    import torch

    head = getattr(model, "pretrained_model", model).lm_head
    bias = torch.zeros(head.out_features)
    bias[tokenizer.eos_token_id] += end
    bias[tokenizer.pad_token_id] += 0.0 if tokenizer.pad_token_id == tokenizer.eos_token_id else -100.0
    head.bias = torch.nn.Parameter(bias)


OUTPUTS: dict[tuple[int, tuple[int, ...]], tuple[Any, Any]] = {}


def once(model: Any, ids: list[int], output: Any) -> Any:
    """What ``output(input_ids)`` gives for this model; several references ask for the same."""
    import torch

    key = (id(model), tuple(ids))
    if key not in OUTPUTS:
        OUTPUTS[key] = (model, output(torch.tensor([ids])))  # with the model, so that its id stays its own
    return OUTPUTS[key][1]


def logprobs(policy: Any, sample: Sample, temperature: float) -> Any:
    """``log p`` of each token of the response."""
    import torch

    output = once(policy, sample.prompt + sample.response, lambda ids: policy(input_ids=ids))
    logits = (output.logits if hasattr(output, "logits") else output[0])[0, len(sample.prompt) - 1 : -1]
    every = torch.log_softmax(logits / temperature, dim=-1)
    return every[torch.arange(len(sample.response)), torch.tensor(sample.response, dtype=torch.long)]


def values(model: Any, sample: Sample) -> Any:
    """The value before each token of the response, and after the last."""
    ids = sample.prompt + sample.response
    if hasattr(model, "v_head"):
        every = once(model, ids, lambda ids: model(input_ids=ids))[2][0]
    else:
        backbone = getattr(model, model.base_model_prefix)
        every = once(model, ids, lambda ids: model.score(backbone(input_ids=ids)[0]))[0, :, 0]
    return every[len(sample.prompt) - 1 :]


def advantages_of(rewards: Any, baseline: Any, options: Options) -> Any:
    """GAE, equations 11 and 16: the value after the end is 0."""
    import torch

    advantage, found = 0.0, []
    for t in reversed(range(len(rewards))):
        following = baseline[t + 1] if t + 1 < len(rewards) else 0.0
        advantage = rewards[t] + options.gamma * following - baseline[t] + options.gamma * options.lam * advantage
        found.append(advantage)
    return torch.stack(found[::-1])


def reference(
    samples: list[Sample], passes: list[Pass], ref_policy: Any, options: Options, variants: set[str]
) -> dict[str, float]:
    """The six portable metrics of one update."""
    import torch

    with torch.no_grad():
        first = passes[0]
        sampled = [logprobs(first.policy, sample, options.temperature) for sample in samples]
        theirs = [logprobs(ref_policy, sample, options.temperature) for sample in samples]
        numbers = {
            "kl": torch.stack([(ours - ref).sum() for ours, ref in zip(sampled, theirs, strict=True)]).mean(),
            "entropy": torch.stack([-ours.sum() for ours in sampled]).mean(),
        }
        temperature = 1.0 if TEMPERATURE_ONE in variants else options.temperature
        old = [logprobs(first.policy, sample, temperature) for sample in samples]
        ref = [logprobs(ref_policy, sample, temperature) for sample in samples]
        baselines, returns, advantages, late = [], [], [], []
        for number, sample in enumerate(samples):
            count = len(sample.response)
            late.append(SCORE_LATE in variants and count < options.width)
            baseline = values(first.values, sample)[: count + late[-1]]
            if VALUES_EARLY in variants:
                whole = Sample(sample.prompt[:-1], [sample.prompt[-1], *sample.response], 0.0)
                baseline = values(first.values, whole)[: count + late[-1]]
            rewards = torch.zeros(len(baseline))
            rewards[:count] = -options.kl_coef * (old[number] - ref[number])
            rewards[-1] += sample.score
            raw = advantages_of(rewards, baseline, options)
            baselines.append(baseline)
            returns.append(raw + baseline)
            advantages.append(raw[:count])
        losses = []
        for one in passes:
            over = one.samples if MINIBATCH_WHITENING in variants else range(len(samples))
            pool = torch.cat([advantages[number] for number in over])
            policy_losses, value_losses, clipped = [], [], []
            for number in one.samples:
                advantage = (advantages[number] - pool.mean()) * torch.rsqrt(pool.var() + 1e-8)
                ratio = torch.exp(logprobs(one.policy, samples[number], temperature) - old[number])
                free = -advantage * ratio
                held = -advantage * ratio.clamp(1 - options.cliprange, 1 + options.cliprange)
                policy_losses.append(torch.max(free, held))
                clipped.append((held > free).float())
                value, before = values(one.values, samples[number])[: len(baselines[number])], baselines[number]
                near = before + (value - before).clamp(-options.cliprange_value, options.cliprange_value)
                target = returns[number]
                value_losses.append(0.5 * torch.max((value - target) ** 2, (near - target) ** 2))
            losses.append(torch.stack([torch.cat(part).mean() for part in (policy_losses, value_losses, clipped)]))
        means = torch.stack(losses).mean(0)
    numbers |= dict(zip(("policy_loss", "value_loss", "clip_fraction"), means, strict=True))
    return {name: float(number) for name, number in numbers.items()}
