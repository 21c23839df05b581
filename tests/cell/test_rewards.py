"""Reward functions and reward models: what they may return, what they are given, and what comes of a mistake."""

from __future__ import annotations

import asyncio
import functools
import importlib
import pickle
import runpy
import tempfile
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import pytest
from ppo_reference import bias_ends

from rldk.integrations.trl.models.kinds import classify
from rldk.integrations.trl.rewards.functions import RewardFunctionError, call_reward_function
from rldk.integrations.trl.rewards.scoring import as_reward_module, score_responses

pytestmark = pytest.mark.trl_ppo

TEXTS = ["one", "two", "three"]


def np():
    return importlib.import_module("numpy")


def torch():
    return importlib.import_module("torch")


TAKEN = {
    "tuple of ints": lambda: (1, 0, 2),
    "bools": lambda: [True, False, 2],
    "array": lambda: np().array([1.0, 0.0, 2.0], dtype="float32"),
    "column": lambda: np().array([[1], [0], [2]]),
    "numpy scalars": lambda: [np().float32(1), np().bool_(False), np().int64(2)],
    "tensor": lambda: torch().tensor([1.0, 0.0, 2.0], dtype=torch().bfloat16),
    "tensor column": lambda: torch().tensor([[1.0], [0.0], [2.0]], requires_grad=True),
    "tensors": lambda: [torch().tensor(1.0), torch().tensor([0]), torch().tensor([[2.0]], requires_grad=True)],
    "fractions": lambda: [Fraction(1), Decimal(0), 2.0],
}


@pytest.mark.parametrize("kind", TAKEN)
def test_numbers_of_any_kind_are_taken(kind):
    rewards = call_reward_function(lambda texts: TAKEN[kind](), TEXTS)
    assert rewards == [1.0, 0.0, 2.0]
    assert all(type(reward) is float for reward in rewards)


async def answer(texts):
    await asyncio.sleep(0)


async def answers(texts):
    yield 1.0


REFUSED = {
    "None": (lambda: None, "returned None: return a list of 3 floats, one per text"),
    "text": (lambda: "1.0", "returned a str: return a list"),
    "dict": (lambda: dict.fromkeys(TEXTS, 1.0), "returned a dict: return a list"),
    "set": (lambda: {1.0, 2.0, 3.0}, "returned a set: return a list"),
    "number": (lambda: 1.0, "returned a single number: return a list"),
    "scalar": (lambda: np().float32(1), "returned a single number: return a list"),
    "scalar tensor": (lambda: torch().tensor(1.0), "returned a single number: return a list"),
    "matrix": (lambda: np().zeros((3, 2)), r"returned an array of shape \(3, 2\)"),
    "generator": (lambda: (1.0 for _ in TEXTS), r"returned a generator: return a list instead, list\(...\)"),
    "map": (lambda: map(len, TEXTS), r"returned a map: return a list instead, list\(...\)"),
    "coroutine": (lambda: answer(TEXTS), "returned a coroutine: use a plain function"),
    "async generator": (lambda: answers(TEXTS), "returned a async_generator: use a plain function"),
    "model output": (
        lambda: SimpleNamespace(logits=[[1.0]]),
        r"returned a SimpleNamespace: return its .logits\[:, 0\].tolist\(\) instead",
    ),
    "nested": (lambda: [[1.0], [2.0], [3.0]], "returned a list as reward 1: return a flat list"),
    "strings": (lambda: [1.0, "2.0", 3.0], "returned a string, '2.0', as reward 2: return one float per text"),
    "array of strings": (lambda: np().array(["1", "2", "3"]), "returned a string, '1', as reward 1"),
    "a None": (lambda: [1.0, 2.0, None], "returned None as reward 3: return one float per text"),
    "complex": (lambda: [1j, 2j, 3j], "returned a complex as reward 1"),
    "pipeline": (
        lambda: [{"label": "POSITIVE", "score": 0.9}] * 3,
        r"returned a dict as reward 1: return \[answer\['score'\] for answer in answers\]",
    ),
    "pipeline with all labels": (
        lambda: [[{"label": "POSITIVE", "score": 0.9}]] * 3,
        r"returned a list as reward 1: return \[answers_of_text\[0\]\['score'\] for",
    ),
    "too few": (lambda: [1.0, 2.0], "returned 2 rewards for 3 texts: return one float per text"),
    "none": (lambda: [], "returned 0 rewards for 3 texts"),
    "NaN": (lambda: [1.0, float("nan"), 2.0], "returned nan for 'two': return a finite float"),
    "infinity": (lambda: torch().tensor([1.0, 2.0, float("-inf")]), "returned -inf for 'three'"),
    "beyond float32": (lambda: [1e39, 2.0, 3.0], r"returned 1e\+39 for 'one': return a finite float"),
    "beyond floats": (lambda: [10**400, 2.0, 3.0], "returned inf for 'one'"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_number_a_text_is_refused_in_one_line(kind):
    returned, message = REFUSED[kind]

    def score(texts):
        return returned()

    with pytest.raises((TypeError, ValueError), match=f"reward function score {message}") as caught:
        call_reward_function(score, TEXTS)
    assert "\n" not in str(caught.value)


class Scorer:
    def __call__(self, texts):
        return None

    def score(self, texts):
        return None


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (Scorer(), "Scorer"),
        (Scorer().score, "score"),
        (functools.partial(functools.partial(Scorer.score), Scorer()), "score"),
        (lambda texts: None, "<lambda>"),
    ],
)
def test_a_function_of_any_kind_is_named(function, name):
    with pytest.raises(TypeError, match=f"reward function {name} returned None"):
        call_reward_function(function, TEXTS)


def test_a_function_that_raises_is_called_once_and_the_error_names_the_batch():
    calls = []

    def score(texts):
        calls.append(texts)
        return [1 / (len(text) - 3) if text.endswith("\n") else 0.0 for text in texts]

    with pytest.raises(RewardFunctionError) as caught:
        call_reward_function(score, ["one", "tw\n", "three", "si\n"])
    assert str(caught.value) == (
        "reward function score raised ZeroDivisionError: division by zero (for a batch of 4 texts; the first text is "
        "'one'): fix the function for this batch"
    )
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert (caught.value.text, caught.value.texts) == ("one", ["one", "tw\n", "three", "si\n"])
    assert calls == [["one", "tw\n", "three", "si\n"]]
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), again.text, again.texts) == (str(caught.value), caught.value.text, caught.value.texts)


class ScoringError(Exception):
    def __init__(self, text):
        super().__init__("cannot be scored")
        self.text = text


@pytest.mark.parametrize("error", [KeyError("two"), ValueError("no score for", "two"), ScoringError("two")])
def test_an_exception_that_carries_a_text_names_it(error):
    def score(texts):
        raise error

    with pytest.raises(
        RewardFunctionError, match=r"\(for text 2 of 3, 'two'\): fix the function for this text$"
    ) as caught:
        call_reward_function(score, TEXTS)
    assert (caught.value.text, caught.value.texts) == ("two", TEXTS)


@pytest.mark.parametrize(
    "error", [KeyError, KeyError("four"), KeyError(1), ValueError("one", "two"), TimeoutError("one two")]
)
def test_an_exception_that_carries_no_single_text_names_the_batch(error):
    calls = []

    def score(texts):
        calls.append(texts)
        raise error

    with pytest.raises(RewardFunctionError, match=r"\(for a batch of 3 texts; the first text is 'one'\)") as caught:
        call_reward_function(score, TEXTS)
    assert (caught.value.text, calls) == ("one", [TEXTS])


def test_a_long_text_is_shown_by_its_beginning_and_kept_whole():
    with pytest.raises(RewardFunctionError, match=r"\(for text 1 of 1, .*\(1000 characters\)") as caught:
        call_reward_function(lambda texts: [{}[text] for text in texts], ["x" * 1000])
    assert caught.value.text == "x" * 1000


def test_a_rollout_is_one_call_and_a_failing_one_comes_out(make_ppo_setup, measure):
    calls = []

    def score(texts):
        calls.append(texts)
        if len(calls) > 1:
            raise LookupError(f"no entry for {texts[-1]}")
        return [len(text) / 100 for text in texts]

    setup = make_ppo_setup(reward=score)
    (metrics,) = setup.train()
    assert [len(texts) for texts in calls] == [4], "one call a rollout batch"
    assert metrics["score"] == pytest.approx(sum(len(text) for text in calls[0]) / 400)
    with pytest.raises(RewardFunctionError, match="reward function score raised LookupError: no entry for") as caught:
        setup.train()
    _, rollout = calls  # a failing call is not made again
    assert len(rollout) == 4
    assert (caught.value.texts, caught.value.text) == (rollout, rollout[0])
    assert isinstance(caught.value.__cause__, LookupError)
    assert caught.value.__cause__.args == (f"no entry for {rollout[-1]}",)
    measure("features", "reward: function", "works")


def test_the_same_ids_are_the_same_text_on_both_apis(ppo_setup):
    """Padding on either side and special tokens are no part of it, and nothing else is left out."""
    tokenizer = ppo_setup.tokenizer
    pad, eos = tokenizer.pad_token_id, tokenizer.eos_token_id
    prompts = [tokenizer(text)["input_ids"] for text in ("the cat", "you are in the")]
    responses = [[*tokenizer(" sat on")["input_ids"], eos], tokenizer(" house of the good")["input_ids"]]
    seen = []

    def score(texts):
        seen.append(texts)
        return [1.5, -2.0]

    tensors = [[torch().tensor(ids) for ids in part] for part in (prompts, responses)]
    step = score_responses(classify(score), tokenizer, *tensors)
    left, right = max(map(len, prompts)), max(map(len, responses))
    rows = [
        [pad] * (left - len(prompt)) + prompt + response + [pad] * (right - len(response))
        for prompt, response in zip(prompts, responses, strict=True)
    ]
    ids = torch().tensor(rows)
    mask = ids != pad  # as TRL's get_reward makes them
    module = as_reward_module(classify(score), tokenizer)
    output = module.backbone(input_ids=ids.masked_fill(~mask, 0), attention_mask=mask, position_ids=None)
    train = module.score(output.hidden_states[-1])
    assert seen == [["the cat sat on", "you are in the house of the good"]] * 2
    assert [float(reward) for reward in step] == [1.5, -2.0]
    assert train[:, -1, 0].tolist() == [1.5, -2.0]


@pytest.mark.parametrize("kind", ["sequence classifier", "value-head wrapper"])
def test_a_model_s_score_is_what_it_says_of_the_text_alone(make_ppo_setup, tiny_gpt2, kind, measure):
    from rldk.integrations.trl.releases.generations import installed_generation

    setup = make_ppo_setup(response_length=6)
    bias_ends(setup.model, setup.tokenizer, end=2.0)
    if kind == "value-head wrapper":
        setup.reward_model = installed_generation().value_head.from_pretrained(str(tiny_gpt2))
    trainer = setup.create_trainer()
    inner = getattr(trainer.reward_model, "pretrained_model", trainer.reward_model).transformer
    rows = []

    def keep(module, args, kwargs):
        ids = args[0] if args else kwargs["input_ids"]
        masks = kwargs.get("attention_mask")
        masks = torch().ones_like(ids) if masks is None else masks
        rows.extend(row[mask.bool()] for row, mask in zip(ids, masks, strict=True))

    hook = inner.register_forward_pre_hook(keep, with_kwargs=True)
    (metrics,) = setup.train()
    hook.remove()
    with torch().no_grad():
        trainer.reward_model.eval()
        outputs = [trainer.reward_model(input_ids=row[None]) for row in rows]
    alone = [output.logits.item() if kind == "sequence classifier" else output[2][0, -1].item() for output in outputs]
    assert len(alone) == 4
    assert metrics["score"] == pytest.approx(sum(alone) / 4, abs=1e-5)
    measure("features", f"reward: {kind}", "works")


def test_a_causal_lm_is_explained_and_not_trained_on(ppo_setup, tiny_gpt2, measure):
    from transformers import AutoModelForCausalLM

    with pytest.raises(ValueError, match=r"reward_model .*num_labels=1") as caught:
        ppo_setup.create_trainer(reward_model=AutoModelForCausalLM.from_pretrained(tiny_gpt2))
    assert "\n" not in str(caught.value)
    measure("features", "reward: causal LM", "refused")


@pytest.mark.parametrize(
    ("reward", "message"),
    [
        ("distilbert-imdb", r"the name 'distilbert-imdb': pass AutoModelForSequenceClassification.from_pretrained"),
        (Scorer, "the class Scorer: pass an instance$"),
        (0.5, "float: pass one of these"),
    ],
)
def test_what_is_no_reward_is_refused(ppo_setup, reward, message):
    with pytest.raises(TypeError, match=f"reward_model must be a function of texts or a model, got .*{message}"):
        ppo_setup.create_trainer(reward_model=reward)


def test_a_module_that_is_no_classifier_is_refused(ppo_setup):
    def train():
        ppo_setup.create_trainer(reward_model=torch().nn.Embedding(400, 2))
        ppo_setup.train()

    with pytest.raises((TypeError, ValueError), match=r"reward_model .*num_labels=1") as caught:
        train()
    assert "\n" not in str(caught.value)


def test_the_page_s_program(make_ppo_setup, capsys, monkeypatch, tmp_path):
    """A unit test holds docs/rewards.md to this file."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    program = Path(__file__).parents[2] / "examples/rewards.py"
    namespace = runpy.run_path(str(program))
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("score ")]
    assert line.startswith(f"score {namespace['metrics']['score']:.2f}, KL ")
    assert namespace["graded_metrics"]["score"] >= 0
