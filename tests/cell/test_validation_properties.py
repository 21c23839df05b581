"""`validate_ppo_setup` under property-based tests: it never raises, and says nothing of a setup that trains."""

from __future__ import annotations

import copy
import math
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from odd_objects import ATTRIBUTES, odd, plain
from raw_program import RawTRL

from rldk.integrations.trl import create_ppo_trainer, fix_generation_config, run_ppo, validate_ppo_setup

pytestmark = pytest.mark.trl_ppo

PARTS = ("model", "ref_model", "reward_model", "value_model", "tokenizer", "config", "train_dataset")
QUICK = settings(
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(scope="module")
def shared_raw(version, tiny_gpt2, tmp_path_factory) -> RawTRL:
    return RawTRL(version, tiny_gpt2, tmp_path_factory.mktemp("raw"))


@pytest.fixture
def raw(shared_raw, make_ppo_setup) -> RawTRL:
    return shared_raw


def setup_that_trains(raw: RawTRL) -> dict[str, Any]:
    if raw.is_step:
        return {"reward_model": raw.classifier(), "value_model": None, "train_dataset": None, **raw.step_parts()}
    return raw.train_parts()


@pytest.fixture
def real(raw) -> dict[str, Any]:
    return setup_that_trains(raw)


@settings(QUICK, max_examples=60)
@given(data=st.data())
def test_it_never_raises(real, data):
    """Any mixture of real parts and odd objects, and real parts that something was taken from."""
    names = data.draw(st.sets(st.sampled_from(PARTS)))
    parts = real | {name: data.draw(odd, label=name) for name in names}
    if data.draw(st.booleans()):
        name = data.draw(st.sampled_from([name for name in PARTS if name not in names] or ["tokenizer"]))
        parts[name] = without_something(parts[name], data)
    report = validate_ppo_setup(**parts)
    assert set(report) == {"valid", "issues", "warnings", "recommendations"}
    assert report["valid"] is (not report["issues"])
    for lines in (report["issues"], report["warnings"], report["recommendations"]):
        assert all(type(line) is str and line and len(line.splitlines()) == 1 for line in lines)


def without_something(part: Any, data: Any) -> Any:
    """A copy of a real part with one of its attributes taken away, or made something else."""
    try:
        changed = copy.copy(part)
        names = sorted(name for name in vars(changed) if isinstance(name, str))
        setattr(changed, data.draw(st.sampled_from([*names, *ATTRIBUTES])), data.draw(plain))
    except Exception:  # an odd object
        return part
    return changed


def wrapped(raw: RawTRL) -> Any:
    return fix_generation_config(raw.wrapper(), raw.tokenizer)


def tokenizer_of(raw: RawTRL, pad: str) -> Any:
    tokenizer = raw.new_tokenizer()
    if pad == "eos":
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def prompts_of(raw: RawTRL, form: str) -> Any:
    prompts = raw.prompts(times=4)
    if form == "a list":
        return list(prompts)
    if form == "with masks":
        return prompts.add_column("attention_mask", [[1] * len(row["input_ids"]) for row in prompts])
    return prompts if form == "a dataset" else prompts.with_format("torch")


@st.composite
def train_setups(draw: Any) -> dict[str, Any]:
    """Choices of the train API that train, as functions of the release."""
    batch = draw(st.sampled_from([1, 2, 4]))
    whiten = batch == 4 and draw(st.booleans())
    options = {
        "per_device_train_batch_size": batch,
        "gradient_accumulation_steps": 2 if whiten else 1,
        "num_mini_batches": 1 if whiten else draw(st.sampled_from([one for one in (1, 2, 4) if one <= batch])),
        "whiten_rewards": whiten,
        "kl_coef": draw(st.sampled_from([0.0, 0.05])),
    }
    forms = draw(st.tuples(*(st.sampled_from(["model", "wrapper"]) for _ in range(4))))
    pad, form = (
        draw(st.sampled_from(kinds)) for kinds in (["pad", "eos"], ["a dataset", "a list", "with masks", "tensors"])
    )
    missing = draw(st.booleans())

    def make(raw: RawTRL) -> dict[str, Any]:
        plain_models = (raw.policy, raw.policy, raw.classifier, raw.classifier)
        models = [
            wrapped(raw) if kind == "wrapper" else make() for kind, make in zip(forms, plain_models, strict=True)
        ]
        parts = dict(zip(("model", "ref_model", "reward_model", "value_model"), models, strict=True))
        if missing and raw.is_in(">=0.13"):
            parts["ref_model"] = None
        config = raw.train_config(**{**options, "total_episodes": batch * options["gradient_accumulation_steps"]})
        return raw.train_parts(
            **parts, config=config, tokenizer=tokenizer_of(raw, pad), train_dataset=prompts_of(raw, form)
        )

    return {"make": make, "pad": pad}


@st.composite
def step_setups(draw: Any) -> dict[str, Any]:
    """Choices of the step API that train, as functions of the release."""
    reference, reward, pad, fixed = (
        draw(st.sampled_from(kinds))
        for kinds in (["none", "copy"], ["function", "classifier", "wrapper"], ["pad", "eos"], [True, False])
    )
    batch = draw(st.sampled_from([2, 4]))

    def make(raw: RawTRL) -> dict[str, Any]:
        rewards = {
            "function": lambda texts: [0.0] * len(texts),
            "classifier": raw.classifier(),
            "wrapper": raw.wrapper(),
        }
        forward = {"forward_batch_size": 1} if raw.is_in("<0.3") else {"mini_batch_size": 2}
        return {
            "model": wrapped(raw) if fixed else raw.wrapper(),
            "ref_model": None if reference == "none" else raw.wrapper(),
            "reward_model": rewards[reward],
            "value_model": None,
            "tokenizer": tokenizer_of(raw, pad),
            "config": raw.step_config(batch_size=batch, **forward),
            "train_dataset": raw.prompts(times=2),
        }

    return {"make": make, "pad": pad}


def say_nothing(parts: dict[str, Any], pad: str) -> None:
    report = validate_ppo_setup(**parts)
    assert report["issues"] == []
    assert len(report["warnings"]) == (pad == "eos"), report["warnings"]


def trains(raw: RawTRL, parts: dict[str, Any]) -> None:
    """One update: of TRL's own trainer, or, where TRL has no loop, of `run_ppo`."""
    if not raw.is_step:
        raw.train(**parts)
        return
    parts = dict(parts)
    config, prompts = parts.pop("config"), parts.pop("train_dataset")
    del parts["value_model"]
    config.response_length = 4
    assert math.isfinite(run_ppo(create_ppo_trainer(None, config, prompts, **parts))[0]["kl"])


@pytest.mark.trl_ppo("train")
class TestNoFalseAlarmOnTheTrainApi:
    @settings(QUICK, max_examples=15)
    @given(setup=train_setups())
    def test_it_says_nothing(self, raw, setup):
        say_nothing(setup["make"](raw), setup["pad"])

    @settings(QUICK, max_examples=3)
    @given(setup=train_setups())
    def test_it_says_nothing_and_that_is_right(self, raw, setup):
        say_nothing(setup["make"](raw), setup["pad"])
        trains(raw, setup["make"](raw))


@pytest.mark.trl_ppo("step")
class TestNoFalseAlarmOnTheStepApi:
    @settings(QUICK, max_examples=15)
    @given(setup=step_setups())
    def test_it_says_nothing(self, raw, setup):
        say_nothing(setup["make"](raw), setup["pad"])

    @settings(QUICK, max_examples=3)
    @given(setup=step_setups())
    def test_it_says_nothing_and_that_is_right(self, raw, setup):
        say_nothing(setup["make"](raw), setup["pad"])
        trains(raw, setup["make"](raw))
