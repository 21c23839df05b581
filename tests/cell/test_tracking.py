"""`report_to` on both APIs: the metrics and a table of completions reach the tracker."""

from __future__ import annotations

import pytest
from both_apis import EACH_API, config_of

from rldk.integrations.trl import create_ppo_config, run_ppo
from rldk.integrations.trl.releases.generations import generation_of

pytestmark = pytest.mark.trl_ppo


def lengths(texts):
    return [len(text) / 10 for text in texts]


@EACH_API
@pytest.mark.trl_requires("tensorboard")
def test_tensorboard_has_the_metrics_and_a_table(make_ppo_setup, api):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util.tensor_util import make_ndarray

    setup = make_ppo_setup(reward=lengths, report_to="tensorboard")
    config = config_of(setup, api, report_to="tensorboard")
    before = {name: dict(value) for name, value in vars(config).items() if isinstance(value, dict)}
    trainer = setup.create_trainer(ppo_config=config)
    assert {name: getattr(config, name) for name in before} == before, "the folder of the logs is not left in it"
    metrics = run_ppo(trainer, 2, log_completions=True)

    written = EventAccumulator(str(next((setup.output_dir / "runs").rglob("*tfevents*")).parent))
    written.Reload()
    prefix = "" if hasattr(trainer, "step") else "train/"
    for name in metrics[0]:
        points = written.Scalars(prefix + name)
        assert [point.value for point in points] == pytest.approx([update[name] for update in metrics])
        assert [point.step for point in points] == [1, 2]
    assert {f"{prefix}ppo/loss/total", f"{prefix}objective/kl"} & set(written.Tags()["scalars"])
    (tag,) = (tag for tag in written.Tags()["tensors"] if "completions" in tag)
    for table, update in zip(written.Tensors(tag), metrics, strict=True):
        head, _, *rows = make_ndarray(table.tensor_proto).item().decode().split("\n")
        assert head == "| prompt | response | reward |"
        rewards = [float(row.split(" | ")[-1].removesuffix(" |")) for row in rows]
        assert sum(rewards) / len(rewards) == pytest.approx(update["score"])


@pytest.mark.trl_ppo("step")
def test_any_tracker_of_accelerate_gets_the_metrics(make_ppo_setup):
    from accelerate.tracking import GeneralTracker

    class Notes(GeneralTracker):
        name, requires_logging_directory, tracker = "notes", False, None

        def __init__(self):
            self.seen = []

        def store_init_configuration(self, values):
            self.config = values

        def log(self, values, step=None, **kwargs):
            self.seen.append((step, values))

    notes = Notes()
    setup = make_ppo_setup(reward=lengths, report_to=notes)
    metrics = run_ppo(setup.create_trainer(), 2, log_completions=True)
    assert [step for step, _ in notes.seen] == [1, 1, 2, 2]
    for update, (_, values), (_, table) in zip(metrics, notes.seen[::2], notes.seen[1::2], strict=True):
        assert values.items() >= update.items()
        assert values["ppo/loss/policy"] == update["policy_loss"]
        assert table["completions"].startswith("| prompt | response | reward |")


@pytest.mark.trl_ppo("train")
def test_a_train_of_your_own_without_completions_is_said(make_ppo_setup):
    setup = make_ppo_setup(reward=lengths, save_strategy="no")

    class Mine(generation_of(setup.config).trainer):
        def train(self):
            self.log({"objective/kl": 1.0})

    trainer = setup.create_trainer(trainer_class=Mine)
    trainer.accelerator.trackers.append(object())  # nothing is sent to it
    with pytest.warns(UserWarning, match="Mine overrides TRL's train.., so its completions are not logged"):
        run_ppo(trainer, log_completions=True)


@EACH_API
def test_without_a_tracker_nothing_takes_a_table(make_ppo_setup, api):
    setup = make_ppo_setup(reward=lengths)
    trainer = setup.create_trainer(ppo_config=config_of(setup, api))
    with pytest.raises(ValueError, match=r"log_completions=True needs a tracker .*: pass report_to='tensorboard'"):
        run_ppo(trainer, log_completions=True)


@pytest.mark.trl_ppo("step")
def test_one_tracker_in_any_form(make_ppo_setup):
    for given in ("tensorboard", ["tensorboard"], ("none", "tensorboard")):
        assert create_ppo_config(report_to=given).log_with == "tensorboard"
    for given in (None, "none", [], ["none"]):
        assert create_ppo_config(report_to=given).log_with is None
