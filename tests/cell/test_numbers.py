"""`run_ppo`'s numbers mean the same on every release: held against a computation from the papers."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import pytest
from packaging.version import Version
from ppo_reference import (
    MINIBATCH_WHITENING,
    SCORE_LATE,
    TEMPERATURE_ONE,
    VALUES_EARLY,
    Options,
    Pass,
    Sample,
    bias_ends,
    reference,
)

pytestmark = pytest.mark.trl_ppo

PENALTY = 0.5
LENGTH = 8
TEMPERATURE = 0.7
# None is the beginning of another, so that a row of token ids tells whose it is.
PROMPTS = ("the cat", "you are in the", "this is", "on the other hand, the", "what is", "and then the", "she said to")
PROMPTS += (
    "good old days",
    "in a house",
    "of the sky",
    "he",
    "we saw that",
    "my own",
    "for you and",
    "let it be",
    "I am",
)


def variants(version: Version, api: str) -> set[str]:
    """What this release does otherwise than the papers."""
    found = {TEMPERATURE_ONE} if api == "step" else {SCORE_LATE}
    if version < Version("0.3.0"):
        found.add(VALUES_EARLY)
    if version < Version("0.5.0"):
        found.add(MINIBATCH_WHITENING)
    return found


def vowels(texts: list[str]) -> list[float]:
    return [sum(letter in "aeiou " for letter in text) / len(text) for text in texts]


@dataclass
class Run:
    metrics: Any
    score: float
    unended: float
    samples: list[Sample]
    passes: list[Pass]
    ref_policy: Any
    options: Options
    eos: int


RUN: list[Run] = []


@pytest.fixture
def run(make_ppo_setup) -> Run:
    """One update of two epochs, recorded at the policy itself; every test but one looks at the same one."""
    if not RUN:
        RUN.append(record(make_ppo_setup))
    return RUN[0]


def up_to_padding(row: Any, mask: Any) -> tuple[tuple[int, ...], bool]:
    """The tokens from the first real one to the next that is masked, and whether there is one."""
    start = int(mask.nonzero()[0])
    holes = (~mask[start:]).nonzero()
    end = start + int(holes[0]) if len(holes) else len(row)
    return tuple(row[start:end].tolist()), len(holes) > 0


def record(make_ppo_setup, pad_is_eos: bool = False) -> Run:
    import torch
    from datasets import Dataset

    step = make_ppo_setup().release.ppo_api == "step"
    setup = make_ppo_setup(
        reward=vowels,
        learning_rate=1e-2,
        per_device_train_batch_size=4,
        num_mini_batches=2,
        num_ppo_epochs=2,
        response_length=LENGTH,
        temperature=TEMPERATURE,
        kl_coef=0.3,
        stop_token="eos",
        **({} if step else {"gradient_accumulation_steps": 2, "missing_eos_penalty": PENALTY}),
    )
    tokenizer = setup.tokenizer
    if pad_is_eos:
        tokenizer.pad_token = tokenizer.eos_token
    ids = [tokenizer(prompt)["input_ids"] for prompt in PROMPTS]
    for model in (setup.model, setup.ref_model):
        bias_ends(model, tokenizer, end=2.3)  # about half of the responses end early
        for module in model.modules():  # before 0.7.2 the value head's dropout of 0.1 is on in every pass
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
    with torch.no_grad():
        for parameter in setup.ref_model.parameters():
            parameter.add_(0.02 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(0)))
    setup.create_trainer(train_dataset=Dataset.from_dict({"input_ids": ids}))

    seen: list[tuple[Any, Any, list[tuple[tuple[int, ...], bool]], int]] = []

    def keep(module: Any, args: Any, kwargs: Any) -> None:
        if torch.is_grad_enabled():
            rows = kwargs["input_ids"]
            masks = kwargs.get("attention_mask", torch.ones_like(rows)).bool()
            policy = copy.deepcopy(setup.model)
            value = policy if setup.value_model is None else copy.deepcopy(setup.value_model)
            real = [up_to_padding(row, mask) for row, mask in zip(rows, masks, strict=True)]
            seen.append((policy, value, real, rows.shape[1]))

    hook = setup.model.register_forward_pre_hook(keep, with_kwargs=True)
    (metrics,) = setup.train()
    hook.remove()

    rows: dict[tuple[tuple[int, ...], bool], int] = {}
    for _, _, real, _ in seen:
        for row in real:
            rows.setdefault(row, len(rows))
    eos = tokenizer.eos_token_id
    samples, scores = [], []
    unended = 0
    for row, hole in rows:
        prompt = max((ids for ids in ids if tuple(ids) == row[: len(ids)]), key=len)
        response = list(row[len(prompt) :])
        if eos in response:
            response = response[: response.index(eos) + 1]
        scores += vowels([tokenizer.decode(prompt + response, skip_special_tokens=True)])
        ended = eos in response or (pad_is_eos and hole)
        unended += not ended
        samples.append(Sample(prompt, response, scores[-1] - (0.0 if step or ended else PENALTY)))
    config = setup.config
    options = Options(
        temperature=TEMPERATURE,
        kl_coef=0.3,
        gamma=config.gamma,
        lam=config.lam,
        cliprange=config.cliprange,
        cliprange_value=config.cliprange_value,
        width=LENGTH if step else seen[0][3] - max(len(sample.prompt) for sample in samples),
    )
    passes = [Pass(policy, value, [rows[row] for row in real]) for policy, value, real, _ in seen]
    count = len(samples)
    return Run(metrics, sum(scores) / count, unended / count, samples, passes, setup.ref_model, options, eos)


def close(ours: dict[str, float], theirs: dict[str, float]) -> bool:
    return all(ours[name] == pytest.approx(theirs[name], rel=1e-4, abs=1e-4) for name in theirs)


def test_the_batch_tells_the_variants_apart(run):
    lengths = {len(sample.response) for sample in run.samples}
    assert len(lengths) > 1
    assert max(lengths) <= LENGTH
    assert len(run.samples) in (8, 16)
    assert len({id(one.policy) for one in run.passes}) >= 4
    assert sorted(number for one in run.passes for number in one.samples) == sorted([*range(len(run.samples))] * 2)


def test_every_number_agrees_with_the_papers(run, version, trl_release, measure):
    release = variants(version, trl_release.ppo_api)
    numbers = reference(run.samples, run.passes, run.ref_policy, run.options, release)
    numbers["score"] = run.score
    assert dict(run.metrics) == pytest.approx(numbers, rel=1e-4, abs=1e-4)
    assert abs(run.metrics["kl"]) > 0.01, "the reference model is another one"
    assert run.metrics["clip_fraction"] > 0, "the second epoch is off the policy that sampled"
    measure("features", "numbers as in the papers", "works")
    assert len({len(sample.prompt) for sample in run.samples}) > 1
    measure("features", "prompts of different length", "works")


def test_where_pad_is_eos_the_train_api_leaves_the_end_out(make_ppo_setup, version, trl_release, measure):
    """Its masks are `!= pad` (huggingface/trl#5303), the step API's are lengths: there the end of text is learned."""
    run = record(make_ppo_setup, pad_is_eos=True)
    numbers = reference(run.samples, run.passes, run.ref_policy, run.options, variants(version, trl_release.ppo_api))
    assert dict(run.metrics) == pytest.approx({**numbers, "score": run.score}, rel=1e-4, abs=1e-4)
    ends = [sample.response[-1] for sample in run.samples if sample.response]
    assert run.unended < 1, "some responses have an end"
    assert (run.eos in ends) is (trl_release.ppo_api == "step")
    measure("features", "pad equal to eos", "works")


@pytest.mark.parametrize("variant", [TEMPERATURE_ONE, VALUES_EARLY, MINIBATCH_WHITENING, SCORE_LATE])
def test_what_trl_does_otherwise_is_seen(run, version, trl_release, variant):
    """With a difference of this release left out, or one of other releases put in, the numbers do not agree."""
    release = variants(version, trl_release.ppo_api)
    numbers = reference(run.samples, run.passes, run.ref_policy, run.options, release ^ {variant})
    assert not close(run.metrics, numbers)


@pytest.mark.trl_ppo("train")
def test_entropy_counts_no_padding(run, version):
    """TRL's own did before 1.10.0 (huggingface/trl#6121): it filled padding with a log-probability of 1."""
    padding = sum(run.options.width - len(sample.response) for sample in run.samples) / len(run.samples)
    assert padding > 0
    expected = run.metrics["entropy"] - (padding if version < Version("1.10.0") else 0)
    assert run.metrics.trl["objective/entropy"] == pytest.approx(expected, abs=1e-4)


@pytest.mark.trl_ppo("train")
def test_losses_are_means_over_the_minibatches_there_are(run, version):
    """From 0.17.0 (huggingface/trl#2531) TRL also averages over the passes that `num_mini_batches` took away."""
    share = 0.5 if version >= Version("0.17.0") else 1.0
    assert run.metrics.trl["loss/policy_avg"] == pytest.approx(share * run.metrics["policy_loss"], abs=1e-6)
    assert run.metrics.trl["loss/value_avg"] == pytest.approx(share * run.metrics["value_loss"], rel=1e-5)


@pytest.mark.trl_ppo("train")
def test_the_score_is_before_the_penalty(run):
    assert run.unended > 0
    penalized = run.metrics["score"] - PENALTY * run.unended
    assert run.metrics.trl["objective/scores"] == pytest.approx(penalized, abs=1e-6)


@pytest.mark.trl_ppo("train")
def test_a_trainer_with_a_train_of_its_own_is_said_to_be_one(ppo_setup):
    """What its numbers are made of cannot be seen there, so they are as it logs them, and that is said."""
    logged = {
        "objective/kl": 1.0,
        "objective/entropy": 2.0,
        "objective/scores": 3.0,
        "loss/policy_avg": 4.0,
        "loss/value_avg": 5.0,
        "policy/clipfrac_avg": 0.5,
    }
    trainer = ppo_setup.create_trainer()
    trainer.__class__ = type("Mine", (type(trainer),), {"train": lambda self: self.log(logged)})
    with pytest.warns(UserWarning, match=r"Mine overrides TRL's train\(\), so metrics are returned as it logs them"):
        (metrics,) = ppo_setup.train()
    assert list(metrics.values()) == [1.0, 2.0, 3.0, 4.0, 5.0, 0.5]
    assert "log" not in vars(trainer), "nothing of ours stays on the trainer"
