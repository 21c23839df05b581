from __future__ import annotations

import pytest
from packaging.version import Version

from rldk_trl.plugin.marks import Decision, Xfail, config_options, decide
from rldk_trl.plugin.release import Installed, TRLRelease

STEP = Installed(TRLRelease(Version("0.11.4"), "step", "trl", value_model_required=False))
TRAIN = Installed(TRLRelease(Version("0.23.0"), "train", "trl", value_model_required=True))
NO_PPO = Installed(TRLRelease(Version("1.13.0"), None, None, value_model_required=False))
NO_TRL = Installed(None)

mark = pytest.mark


def one(marker: pytest.MarkDecorator, found: Installed) -> Decision:
    return decide([marker.mark], found)


@pytest.mark.parametrize(
    ("marker", "found", "reason"),
    [
        (mark.trl, TRAIN, None),
        (mark.trl, NO_PPO, None),
        (mark.trl, NO_TRL, "needs TRL; TRL is not installed"),
        (mark.trl(">=0.12", "<0.26"), TRAIN, None),
        (mark.trl(">=0.12", "<0.23"), TRAIN, "needs TRL >=0.12,<0.23; TRL 0.23.0 is installed"),
        (
            mark.trl("<0.12", reason="step() is gone"),
            TRAIN,
            "step() is gone (needs TRL <0.12; TRL 0.23.0 is installed)",
        ),
        (mark.trl_ppo, STEP, None),
        (mark.trl_ppo("step"), STEP, None),
        (mark.trl_ppo(api="train"), TRAIN, None),
        (
            mark.trl_ppo(),
            NO_PPO,
            "needs a TRL with PPO (0.2.0-1.12.0); the installed TRL 1.13.0 has no PPO",
        ),
        (
            mark.trl_ppo("step"),
            TRAIN,
            "needs a TRL with PPO (step API, 0.2.0-0.11.4); the installed TRL 0.23.0 has the train API",
        ),
        (
            mark.trl_ppo("train"),
            NO_TRL,
            "needs a TRL with PPO (train API, 0.12.0-1.12.0); TRL is not installed",
        ),
        (mark.trl_requires("pytest>=7"), NO_TRL, None),
        (
            mark.trl_requires("pytest>=7", "no-such-thing"),
            TRAIN,
            "needs no-such-thing; no-such-thing is not installed",
        ),
        (mark.trl_config(learning_rate=1), NO_TRL, None),
        (mark.trl_config(found=1), TRAIN, None),  # no name of ours is in the way
        (mark.parametrize("nonsense"), TRAIN, None),
    ],
)
def test_skip(marker: pytest.MarkDecorator, found: Installed, reason: str | None) -> None:
    assert one(marker, found) == Decision(skip=reason)


def test_marks_add_up() -> None:
    marks = [mark.trl(">=0.12").mark, mark.trl_ppo("step").mark, mark.trl("<0.9").mark]
    reason = decide(marks, TRAIN).skip
    assert reason is not None
    assert reason.startswith("needs a TRL with PPO (step API")
    assert reason.endswith("; needs TRL <0.9; TRL 0.23.0 is installed")


def test_xfail() -> None:
    marker = mark.trl_xfail("<0.24", reason="#3998", raises=(TypeError, OSError), strict=False)
    assert one(marker, TRAIN) == Decision(xfail=Xfail("#3998", (TypeError, OSError), strict=False))
    assert one(mark.trl_xfail("<0.23", reason="#3998"), TRAIN) == Decision()
    assert one(mark.trl_xfail(reason="always"), TRAIN) == Decision(xfail=Xfail("always", None, strict=True))
    assert one(mark.trl_xfail(reason="always"), NO_TRL) == Decision()


def test_closest_xfail_that_holds_wins() -> None:
    marks = [
        mark.trl_xfail("<0.1", reason="a"),
        mark.trl_xfail("<0.24", reason="b"),
        mark.trl_xfail(reason="c"),
    ]
    assert decide([one.mark for one in marks], TRAIN).xfail == Xfail("b", None, strict=True)


def test_skip_goes_before_xfail() -> None:
    assert decide([mark.trl_xfail(reason="a").mark, mark.trl("<0.12").mark], TRAIN).xfail is None


BAD = {
    "no specifier": (mark.trl("0.23"), "'0.23' is not a PEP 440 specifier"),
    "two in one": (mark.trl(">=0.12 <0.26"), "is not a PEP 440 specifier"),
    "empty": (mark.trl(""), "'' names no version"),
    "no text": (mark.trl(0.23), "0.23 is not a string but float"),
    "unknown keyword": (mark.trl(">=0.12", because="x"), "unexpected keyword argument 'because'"),
    "empty reason": (mark.trl(">=0.12", reason=" "), "reason is ' ', which is empty or not a string"),
    "no such api": (mark.trl_ppo("v2"), "'v2' is not a PPO API"),
    "two apis": (mark.trl_ppo("step", "train"), "too many positional arguments"),
    "no requirement": (mark.trl_requires(), "needs at least one requirement"),
    "bad requirement": (mark.trl_requires("transformers=>5"), "'transformers=>5' is not a PEP 508 requirement"),
    "address": (mark.trl_requires("peft @ file:///peft"), "has a URL"),
    "reason missing": (mark.trl_xfail("<0.23"), "missing a required"),
    "bare xfail": (mark.trl_xfail, "missing a required"),
    "reason None": (mark.trl_xfail("<0.23", reason=None), "a reason is required"),
    "raises": (mark.trl_xfail(reason="x", raises="TypeError"), "raises is 'TypeError'"),
    "raises empty": (mark.trl_xfail(reason="x", raises=()), "raises is ()"),
    "strict": (mark.trl_xfail(reason="x", strict="no"), "strict is 'no'"),
    "positional config": (mark.trl_config({"seed": 1}), "too many positional arguments"),
    "model as config": (mark.trl_config(model_name="gpt2"), "model_name is not an option of the config"),
}


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize("found", [TRAIN, NO_TRL], ids=["trl", "no trl"])
def test_bad_marker(case: str, found: Installed) -> None:
    marker, complaint = BAD[case]
    decision = decide([mark.trl("<0.1").mark, marker.mark, mark.trl_xfail(reason="x").mark], found)
    assert decision.skip is None
    assert decision.xfail is None
    assert decision.bad is not None
    assert decision.bad.startswith(f"bad marker {marker.name}(")
    assert complaint in decision.bad
    assert f"; write e.g. @pytest.mark.{marker.name}(" in decision.bad
    assert "\n" not in decision.bad


def test_every_example_is_right() -> None:
    for marker, _ in BAD.values():
        bad = one(marker, TRAIN).bad
        assert bad is not None
        example = eval(bad.rpartition("write e.g. @")[2], {"pytest": pytest})
        assert one(example, TRAIN).bad is None


def test_config_options_closest_wins() -> None:
    marks = [
        mark.trl_config(seed=1, lam=0.9).mark,
        mark.trl_config(seed=2, gamma=1.0).mark,
        mark.trl("<1").mark,
    ]
    assert config_options(marks) == {"seed": 1, "lam": 0.9, "gamma": 1.0}
    assert marks[1].kwargs == {"seed": 2, "gamma": 1.0}
