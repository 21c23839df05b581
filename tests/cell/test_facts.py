"""Each named fact of `releases.probes` is true on exactly the releases that its docstring names."""

from __future__ import annotations

import pytest
from packaging.specifiers import SpecifierSet

from rldk.integrations.trl.releases.generations import Generation, installed_generation

pytestmark = [pytest.mark.trl_ppo, pytest.mark.usefixtures("make_ppo_setup")]

NOWHERE: tuple[str, ...] = ()
EVERYWHERE = ("",)
# Fact -> the releases whose PPOTrainer has it, and those whose PPOv2Trainer (0.9.2-0.11.4) has it.
FACTS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "is_ppov2": (NOWHERE, EVERYWHERE),
    "overwrites_run_name": ((">=0.12,<0.28",), EVERYWHERE),
    "has_minibatches": ((">=0.3",), EVERYWHERE),
    "counts_minibatches_in_batch": ((">=0.12,<0.17",), EVERYWHERE),
    "checkpoints_by_default": ((">=0.22",), NOWHERE),
    "accumulates_gradients": ((">=0.5",), EVERYWHERE),
    "wraps_peft": ((">=0.4",), EVERYWHERE),
    "reads_peft_flag": ((">=0.4.7",), EVERYWHERE),
    "refers_to_policy_without_adapter": ((">=0.4,<0.12", ">=0.13"), NOWHERE),
    "builds_reference_model": (("<0.12", ">=0.13"), NOWHERE),
    "refuses_policy_as_reference": ((">=0.12",), (">=0.11",)),
    "reads_checkpointing_flag": ((">=0.22",), NOWHERE),
    "fails_at_checkpointing": ((">=0.22,<1.0.0",), NOWHERE),
    "generates_batches": ((">=0.4.2,<0.12",), NOWHERE),
    "forwards_both_models": (("<0.3",), NOWHERE),
    "clips_first_step_only": ((">=0.5,<0.12",), NOWHERE),
    "flattens_with_collections": (("==0.2.0",), NOWHERE),
    "adds_default_callbacks": ((">=0.12",), (">=0.10",)),
    "calls_callbacks": ((">=0.12",), (">=0.10",)),
    "saves_value_model_too": (NOWHERE, ("<0.10",)),
    "samples_without_eval_dataset": ((">=0.29",), NOWHERE),
}
# Fact -> its two values, the releases with the first one, as above.
VALUES: dict[str, tuple[object, object, tuple[str, ...], tuple[str, ...]]] = {
    "shortest_response": (2, 1, ("<0.4.7",), NOWHERE),
    "planned_updates_option": ("num_total_batches", "num_updates", (">=0.12",), (">=0.10",)),
}
# Fact -> the releases of transformers.
OF_TRANSFORMERS = {
    "returns_logits": ">=4.38",
    "takes_stop_strings": ">=4.39",
    "ends_at_several_ids": ">=4.27",
}


def generations() -> list[Generation]:
    own = installed_generation()
    if own.api == "train":
        return [own]
    try:
        return [own, installed_generation("train")]
    except ImportError:
        return [own]


def is_in(version, specifiers: tuple[str, ...]) -> bool:
    return any(SpecifierSet(one).contains(version, prereleases=True) for one in specifiers)


@pytest.mark.parametrize("fact", FACTS)
def test_a_fact_is_true_where_its_docstring_says(fact, version):
    for generation in generations():
        assert getattr(generation, fact) is is_in(version, FACTS[fact][generation.is_ppov2])


@pytest.mark.parametrize("fact", VALUES)
def test_a_value_is_the_one_that_its_docstring_says(fact, version):
    first, other, *where = VALUES[fact]
    for generation in generations():
        if fact == "planned_updates_option" and generation.api == "step":
            continue  # a fact of the train API
        assert getattr(generation, fact) == (first if is_in(version, where[generation.is_ppov2]) else other)


@pytest.mark.parametrize("fact", OF_TRANSFORMERS)
def test_a_fact_of_transformers_is_true_where_its_docstring_says(fact):
    from transformers import __version__

    for generation in generations():
        assert getattr(generation, fact) is is_in(__version__, (OF_TRANSFORMERS[fact],))


def test_each_named_fact_is_here():
    shown = {name for name, value in vars(Generation.__mro__[1]).items() if hasattr(value, "attrname")}
    about_values = {"options", "value_head_of_encoder_decoders", "_policy_and_value"}
    assert shown - about_values == FACTS.keys() | VALUES.keys() | OF_TRANSFORMERS.keys()


def test_what_a_release_sets_itself(version):
    """Of the step API's options some are computed whatever is given; `assigns` finds them."""
    generation = generations()[0]
    assert generation.assigns("world_size") is is_in(version, (">=0.7.2",))
