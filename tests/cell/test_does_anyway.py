"""What a run does where the config lacks an option is what the values of ``DOES_ANYWAY`` ask for."""

from __future__ import annotations

import pytest
from both_apis import EACH_API
from watched_runs import Run, watch_optimizer

from rldk.integrations.trl import create_ppo_config, create_ppo_trainer, run_ppo
from rldk.integrations.trl.config.does_anyway import DOES_ANYWAY
from rldk.integrations.trl.config.unread import NEVER_READ

pytestmark = [pytest.mark.trl_ppo, EACH_API]

SCORES = 40.0
KL_COEF = 0.1


@pytest.fixture
def options():
    """The first value of each option. An option and its other name are not passed together."""
    return {name: values[0] for name, values in DOES_ANYWAY.items() if name != "stop_token_id"}


def test_each_value_is_accepted(make_ppo_setup, tmp_path, api):
    make_ppo_setup()  # it needs a TRL with PPO
    for name, values in [*DOES_ANYWAY.items(), *((name, values) for name, (values, _) in NEVER_READ.items())]:
        for value in values:
            if (name, value) != ("batch_size", None) and name != "mini_batch_size":  # TRL's step API divides by them
                create_ppo_config(tmp_path, api=api, **{name: value})


def test_a_run_does_what_these_values_ask_for(make_ppo_setup, tmp_path, api, options):
    from transformers import TrainerCallback

    class Logs(TrainerCallback):
        count = 0

        def on_log(self, args, state, control, **kwargs):
            self.count += 1

    setup, logs = make_ppo_setup(), Logs()
    own = {"learning_rate": 1e-2, "num_ppo_epochs": 2, "per_device_train_batch_size": 4, "response_length": 8}
    config = create_ppo_config(tmp_path, api=api, **own, kl_coef=KL_COEF, total_episodes=8, **options)
    trainer = create_ppo_trainer(
        None,
        config,
        setup.train_dataset,
        callbacks=[logs],
        model=setup.model,
        ref_model=setup.ref_model,
        reward_model=lambda texts: [SCORES] * len(texts),
        tokenizer=setup.tokenizer,
    )
    is_train = hasattr(trainer, "train")
    responses, scores, seen = [], [], Run(config, trainer, is_train)
    head = trainer.accelerator.unwrap_model(trainer.model).value_model.score if is_train else setup.model.v_head
    watch_optimizer(trainer.optimizer, head, seen)
    if not is_train:
        step, rewards = trainer.step, trainer.compute_rewards
        trainer.step = lambda queries, answers, given: responses.extend(answers) or step(queries, answers, given)
        trainer.compute_rewards = lambda used, *rest, **named: scores.extend(used) or rewards(used, *rest, **named)
    seen.updates = run_ppo(trainer, 2)

    (group,) = getattr(trainer.optimizer, "optimizer", trainer.optimizer).param_groups[:1]
    assert (group["lr"], group["betas"], group["eps"], group["weight_decay"]) == (1e-2, (0.9, 0.999), 1e-8, 0)
    assert {str(parameter.dtype) for parameter in setup.model.parameters()} == {"torch.float32"}
    assert trainer.accelerator.mixed_precision == "no"
    assert len(seen.gradients) == 2 * 2 * (1 if is_train or "mini_batch_size" in vars(config) else 4), "no early stop"
    if is_train:
        scores = [update.trl["objective/scores"] for update in seen.updates]
    assert scores
    assert {float(score) for score in scores} == {SCORES}, "no penalty, clipping or scaling"
    coefficient = trainer.args.kl_coef if is_train else trainer.kl_ctl.value
    assert coefficient == KL_COEF
    assert not any(setup.tokenizer.eos_token_id in response[:-1] for response in responses)
    assert logs.count == 2
    assert not list(tmp_path.glob("checkpoint-*"))
