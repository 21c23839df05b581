"""Names and options of other releases, from what was read of the wheels."""

from __future__ import annotations

import pytest
from packaging.version import Version

from rldk.integrations.trl.advice.failures import explain_failure
from rldk.integrations.trl.advice.names import known_names
from rldk.integrations.trl.advice.replacements import REPLACEMENTS
from rldk_maintenance.contract import data, name_places


def test_the_library_s_table_is_made_from_the_data():
    assert name_places.NAMES_FILE.read_text(encoding="utf-8") == name_places.dump(data.load())


def test_every_name_is_in_a_module_that_is_known():
    content = known_names()
    assert {place for places in content["names"].values() for place in places} == content["modules"].keys()
    assert content["names"].keys() >= REPLACEMENTS.keys()
    assert "logger" not in content["names"]


@pytest.mark.parametrize(
    ("text", "version", "happens", "advice"),
    [
        ("No module named 'trl.core'", "0.26.2", True, "give explain the name"),
        (
            "from trl.core import LengthSampler\nNo module named 'trl.core'",
            "0.26.2",
            True,
            "random.choice(range(low, high))",
        ),
        (
            "from trl.core import masked_mean\nNo module named 'trl.core'",
            "0.29.0",
            True,
            "import it from trl.experimental.ppo",
        ),
        ("cannot import name 'respond_to_batch' from 'trl.core'", "0.16.1", True, "model.generate"),
        ("cannot import name 'respond_to_batch' from 'trl.core'", "0.11.4", False, "model.generate"),
        ("cannot import name 'PPOv2Config' from 'trl' (trl/__init__.py)", "0.23.0", True, "PPOConfig"),
        ("cannot import name PPOv2Trainer from trl", None, None, "PPOTrainer"),
        ("cannot import name 'PPOv2Trainer' from 'trl'", "0.9.6", True, "trl.trainer.ppov2_trainer on TRL 0.9.6"),
        ("No module named 'trl.gpt2'", "0.11.4", True, "pip install 'trl>=0.0.1,<0.2.0'"),
        (
            "from trl.ppo import PPOTrainer\nNo module named 'trl.ppo'",
            "0.23.0",
            True,
            "import it from trl on TRL 0.23.0",
        ),
        ("cannot import name 'set_seed' from 'trl'", "0.16.1", True, "transformers.set_seed"),
        ("module 'trl' has no attribute 'set_seed'", "0.16.1", True, "transformers.set_seed"),
        (
            "cannot import name 'get_reward' from 'trl.trainer.utils'",
            "0.29.0",
            True,
            "trl.experimental.utils on TRL 0.29.0",
        ),
        ("cannot import name 'TextEnvironment' from 'trl'", "1.0.0", True, "pip install 'trl>=0.7.0,<0.21.0'"),
    ],
)
def test_a_name_that_is_not_there(text, version, happens, advice):
    (entry,) = explain_failure(f"ImportError: {text}", version)
    assert entry.id == "name-of-another-release"
    assert advice in entry.advice
    if happens is not None:
        assert entry.happens_on(version) is happens


@pytest.mark.parametrize(("version", "entry"), [("0.28.0", 1), ("1.0.0", 2)])
def test_ppo_s_own_names_have_entries_of_their_own(version, entry):
    found = explain_failure("cannot import name 'PPOTrainer' from 'trl.trainer'", version)
    assert "imported-from-trl" in [one.id for one in found if one.happens_on(version)] or version == "0.28.0"


@pytest.mark.parametrize(
    ("option", "version", "first", "advice"),
    [
        ("early_stopping", "0.4.1", "option-of-another-release", "'trl>=0.4.2,<=0.11.4'"),
        ("early_stopping", "0.23.0", "step-api-options", "create_ppo_config"),
        ("kl_estimator", "0.16.1", "option-of-another-release", "'trl>=0.17.0,<=1.12.0'"),
        ("score_clip", "0.4.1", "option-of-another-release", "create_ppo_config"),
    ],
)
def test_an_option_that_is_not_there(option, version, first, advice):
    found = explain_failure(f"TypeError: PPOConfig.__init__() got an unexpected keyword argument '{option}'", version)
    assert found[0].id == first
    assert found[0].happens_on(version)
    assert advice in found[0].advice


@pytest.mark.parametrize(
    "text",
    [
        "cannot import name 'PPOTrainer' from 'other'",
        "cannot import name 'SFTTrainer' from 'trl'",
        "No module named 'trl.trainer.no_such_module'",
        "GRPOConfig.__init__() got an unexpected keyword argument 'early_stopping'",
        "PPOConfig.__init__() got an unexpected keyword argument 'no_option'",
    ],
)
def test_other_names_are_not_explained(text):
    assert explain_failure(text, Version("0.23.0")) == []
