"""Each option of `create_ppo_config` does what it says, seen in real updates; what TRL silently drops is refused."""

from __future__ import annotations

import math

import pytest
from both_apis import EACH_API
from packaging.version import Version
from ppo_reference import bias_ends
from watched_runs import Run, remember_reads, watch_generation, watch_optimizer

from rldk.integrations.trl import create_ppo_config, create_ppo_trainer, run_ppo
from rldk.integrations.trl.config.unread import NEVER_READ

pytestmark = [pytest.mark.trl_ppo, EACH_API]

SMALL = {
    "learning_rate": 1e-2,
    "num_ppo_epochs": 2,
    "kl_coef": 0.1,
    "per_device_train_batch_size": 4,
    "total_episodes": 64,
    "response_length": 6,
    "save_strategy": "no",
}
NO_LEARNING = {"learning_rate": 0.0, "per_device_train_batch_size": 8}


@pytest.fixture
def run(make_ppo_setup, version, api):
    """Train from the same weights, prompts and reward; seeded by the config alone."""
    is_train = api == "train" or version >= Version("0.12.0")

    def run(updates=1, change=lambda setup: None, by_hand=None, **options):
        texts: list[list[str]] = []

        def distinct_letters(batch):
            texts.append(batch)
            return [len(set(text)) / 10 for text in batch]

        setup = make_ppo_setup(num_mini_batches=2, per_device_train_batch_size=4)  # the prompts of two such batches
        change(setup)
        config = create_ppo_config(setup.output_dir, api=api, **{**SMALL, **options})
        seen = Run(config, None, is_train, texts=texts)
        vars(config).update(by_hand or {})
        remember_reads(config, seen.reads)
        before = {name: tensor.detach().clone() for name, tensor in setup.model.named_parameters()}
        seen.trainer = trainer = create_ppo_trainer(
            None,
            config,
            setup.train_dataset,
            model=setup.model,
            ref_model=setup.ref_model,
            reward_model=distinct_letters,
            value_model=None if api == "train" else setup.value_model,
            tokenizer=setup.tokenizer,
            validate_setup=by_hand is None,
        )
        watch_generation(getattr(setup.model, "pretrained_model", setup.model), seen.generated)
        head = trainer.accelerator.unwrap_model(trainer.model).value_model.score if is_train else setup.model.v_head
        watch_optimizer(trainer.optimizer, head, seen)
        seen.updates = run_ppo(trainer, updates)
        after = dict(setup.model.named_parameters())
        seen.has_moved = any(not (after[name] == tensor).all() for name, tensor in before.items())
        return seen

    return run


def test_what_a_run_of_two_updates_shows(run, version, measure):
    """Learning rate, epochs, batch, lengths, KL penalty and clipping, against runs with other values."""
    base = run(updates=2)
    assert base.has_moved
    assert [len(batch) for batch in base.texts] == [4, 4] if base.is_train else sum(map(len, base.texts)) == 8
    steps = len(base.gradients)
    assert steps == (4 if version >= Version("0.3.0") or base.is_train else 16), "0.2.x: a step a sample"
    longest = max(tokens.shape[1] - prompt for tokens, prompt in base.generated)
    assert longest == 6
    assert base.own("kl_penalty", 0) == pytest.approx(0, abs=1e-5)
    if base.is_train:
        trl = base.updates[1].trl
        assert trl["objective/non_score_reward"] == pytest.approx(-0.1 * trl["objective/kl"], rel=1e-3)
        planned = "num_total_batches" if version >= Version("0.10.1") else "num_updates"
        assert getattr(base.config, planned) == 16
    else:
        assert base.own("kl_penalty", 1) != 0
        assert base.trainer.kl_ctl.value == 0.1, "fixed"
        assert base.config.total_ppo_epochs == 16
    assert base.updates[1]["kl"] != pytest.approx(0, abs=1e-4)

    other = run(updates=2, kl_coef=0.0, cliprange=1e-6, cliprange_value=1e-6, response_length=3, num_ppo_epochs=3)
    assert len(other.gradients) == steps * 3 // 2
    assert max(tokens.shape[1] - prompt for tokens, prompt in other.generated) == 3
    assert other.own("kl_penalty", 1) == 0
    assert other.updates[1]["kl"] != pytest.approx(0, abs=1e-4)
    tight = other.updates[0]["clip_fraction"], other.own("value_clip")
    assert tight[0] > base.updates[0]["clip_fraction"]
    loose = run(cliprange=50.0, cliprange_value=1e4)
    assert loose.updates[0]["clip_fraction"] == 0 < tight[0]
    assert loose.own("value_clip") == 0 < tight[1]
    for option in ("num_ppo_epochs", "total_episodes", "response_length", "kl_coef", "cliprange", "cliprange_value"):
        measure("features", f"option {option}", "works")
    measure("features", "option per_device_train_batch_size", "works")


def test_what_runs_that_do_not_learn_show(run, version, measure):
    """Learning rate, discounts, value coefficient, whitening and seed, on one rollout each."""
    import torch

    base = run(**NO_LEARNING)
    assert not base.has_moved
    assert base.updates[0]["clip_fraction"] == 0
    assert all(head > 0 for _, head in base.gradients)
    again = run(**NO_LEARNING, vf_coef=0.0)
    assert again.texts == base.texts, "the same seed, the same rollout"
    assert again.updates[0]["value_loss"] == pytest.approx(base.updates[0]["value_loss"])
    assert all(head == 0 for _, head in again.gradients), "no gradient of the value loss"
    seen = {base.updates[0]["value_loss"]}
    others = [{"gamma": 0.5}, {"lam": 0.1}]
    if base.is_train or version >= Version("0.7.3"):
        others.append({"whiten_rewards": True})
    for options in others:
        other = run(**NO_LEARNING, **options)
        assert other.texts == base.texts
        loss = other.updates[0]["value_loss"]
        assert all(abs(loss - known) > 1e-3 * known for known in seen), f"{options} has no effect on the returns"
        seen.add(loss)
        measure("features", f"option {next(iter(options))}", "works")
    if len(others) == 2:
        with pytest.raises(TypeError, match=r"does not support 'whiten_rewards': TRL 0\.7\.3-1\.12\.0 supports"):
            create_ppo_config(whiten_rewards=True)
        measure("features", "option whiten_rewards", "refused")
    cold = run(**NO_LEARNING, seed=5, temperature=1e-4)
    assert cold.texts != base.texts
    tokens, prompt = cold.generated[0]
    policy = getattr(cold.trainer.accelerator.unwrap_model(cold.trainer.model), "policy", None)
    policy = cold.trainer.model.pretrained_model if policy is None else policy
    with torch.no_grad():
        likeliest = policy(input_ids=tokens[:, :prompt]).logits[:, -1].argmax(-1)
    assert torch.equal(tokens[:, prompt], likeliest), "next to no temperature: the likeliest token"
    assert run(**NO_LEARNING, seed=5).texts != base.texts, "another seed, another rollout"
    for option in ("learning_rate", "vf_coef", "seed", "temperature"):
        measure("features", f"option {option}", "works")


def test_the_parts_of_a_batch(run, version, measure):
    """Before 0.17.0 the batch is the product of the three; since then ``num_mini_batches`` cut it (#2531)."""
    options = {"per_device_train_batch_size": 2, "num_mini_batches": 2, "local_rollout_forward_batch_size": 2}
    seen = run(**options)
    batch = 2 if version >= Version("0.17.0") else 4
    assert sum(map(len, seen.texts)) == batch
    assert len(seen.gradients) == 2 * (batch if version < Version("0.3.0") else 2)
    one_at_a_time = version < Version("0.4.2")
    assert len(seen.generated) == (batch if one_at_a_time else batch // 2)
    measure("features", "option num_mini_batches", "works")


def test_accumulated_gradients_are_those_of_the_whole_batch(run, version, measure):
    """Two steps on 4 samples at once, and two on 2 and 2: the same gradients but for float32's rounding."""
    import torch

    if version < Version("0.5.0"):
        with pytest.raises(TypeError, match="does not support 'gradient_accumulation_steps'"):
            create_ppo_config(gradient_accumulation_steps=2)
        measure("features", "option gradient_accumulation_steps", "refused")
    if version < Version("0.4.1"):
        return

    def no_chance(setup):
        bias_ends(setup.model, setup.tokenizer, end=-100.0)  # all of one length: the mean of the means is the mean
        for module in setup.model.modules():
            if isinstance(module, torch.nn.Dropout):  # the value head's, before 0.7.2
                module.p = 0.0

    still = {"change": no_chance, "learning_rate": 0.0, "num_ppo_epochs": 2}
    whole = run(**still)
    if version < Version("0.5.0"):
        parts = run(**still, by_hand={"mini_batch_size": 2, "gradient_accumulation_steps": 2})
    else:
        parts = run(**still, per_device_train_batch_size=2, gradient_accumulation_steps=2)
    assert sum(map(len, whole.texts)) == 4
    rollouts = [sorted(text for batch in seen.texts for text in batch) for seen in (whole, parts)]
    assert rollouts[0] == rollouts[1]
    assert len(whole.vectors) == len(parts.vectors) == 2
    pairs = zip(whole.vectors, parts.vectors, strict=True)
    distances = [float((added - at_once).norm() / at_once.norm()) for (at_once, _), (added, _) in pairs]
    if version < Version("0.5.0"):
        # All parts but the last are lost until 0.4.4 (huggingface/trl#321), and from 0.4.5 on nothing is cleared
        # after a step (huggingface/trl#583).
        assert max(distances) > 0.5
        return
    assert max(distances) < 1e-6
    measure("features", "option gradient_accumulation_steps", "works")


def test_what_the_train_api_never_reads_is_refused(run, version, api, measure):
    seen = run()
    taken = NEVER_READ.keys() & vars(seen.config).keys()
    if not seen.is_train:
        assert "max_grad_norm" not in taken or "max_grad_norm" in seen.reads
        return
    set_by_it = {"batch_size", "mini_batch_size", "micro_batch_size", "local_batch_size", "local_mini_batch_size"}
    set_by_it |= {"world_size", "num_total_batches", "num_updates"}
    assert taken & seen.reads <= set_by_it
    assert {"learning_rate", "weight_decay", "lr_scheduler_type", "optim", "stop_token", "report_to"} <= seen.reads
    for option in sorted(NEVER_READ):
        with pytest.raises(TypeError, match=f"does not support '{option}': "):
            create_ppo_config(api=api, **{option: 17})
        measure("features", f"option {option}", "refused")


def test_gradients_are_clipped_at_each_step_or_it_is_refused(run, version, api, measure):
    """TRL 0.5.0-0.11.4 alone clip at the first step only; the train API never does."""
    if api == "train" or not Version("0.3.0") <= version < Version("0.12.0"):
        with pytest.raises(TypeError, match=r"does not support 'max_grad_norm': .*TRL 0\.3\.0-0\.11\.4 supports"):
            create_ppo_config(api=api, max_grad_norm=1e-3)
        measure("features", "option max_grad_norm", "refused")
        return
    seen = run(updates=2, max_grad_norm=1e-3)
    assert [norm for norm, _ in seen.gradients] == [pytest.approx(1e-3, rel=1e-2)] * 4
    assert all(norm == 0 for norm, _ in run(by_hand={"max_grad_norm": 0.0}).gradients), "TRL clips to 0"
    assert run(max_grad_norm=0.0).gradients == run().gradients, "as in transformers, 0 turns clipping off"
    measure("features", "option max_grad_norm", "works")


def test_a_missing_end_of_text_is_penalized_or_it_is_refused(run, version, api, measure):
    if version < Version("0.11.0" if api else "0.12.0"):
        with pytest.raises(TypeError, match=r"does not support 'missing_eos_penalty': TRL 0\.12\.0-1\.12\.0 supports"):
            create_ppo_config(api=api, missing_eos_penalty=3.0)
        measure("features", "option missing_eos_penalty", "refused")
        return
    seen = run(**NO_LEARNING, missing_eos_penalty=3.0)
    eos = seen.trainer.processing_class.eos_token_id
    without = sum(eos not in tokens[prompt:] for tokens_, prompt in seen.generated for tokens in tokens_)
    assert without > 0
    expected = seen.updates[0]["score"] - 3.0 * without / 8
    assert seen.updates[0].trl["objective/scores"] == pytest.approx(expected, abs=1e-5)
    off = run(**NO_LEARNING, missing_eos_penalty=0.0).updates[0]
    assert off.trl["objective/scores"] == pytest.approx(off["score"], abs=1e-6)
    measure("features", "option missing_eos_penalty", "works")


def test_a_stop_token_ends_responses_or_cuts_them(run, version, api, measure):
    """Since 0.14.0 generation ends there; before, the reward alone sees the response cut."""
    if api is None and version < Version("0.12.0"):
        with pytest.raises(TypeError, match="does not support 'stop_token_id': "):
            create_ppo_config(stop_token_id=5)
        measure("features", "option stop_token_id", "refused")
        return
    free = run(**NO_LEARNING)
    tokens, prompt = free.generated[0]
    row = next(row for row in range(8) if tokens[row, prompt] not in tokens[:row, prompt:])
    stopped = run(**NO_LEARNING, stop_token_id=int(tokens[row, prompt]))
    after = stopped.generated[0][0][row, prompt + 1 :]
    pad = stopped.trainer.processing_class.pad_token_id
    assert stopped.generated[0][0][row, prompt] == tokens[row, prompt], "the same rollout until there"
    assert (after == pad).all() if version >= Version("0.14.0") else (after != pad).all()
    assert stopped.texts[0][row] != free.texts[0][row]
    assert free.texts[0][row].startswith(stopped.texts[0][row])
    measure("features", "option stop_token_id", "works")


def test_the_estimator_of_the_penalty(run, version, api, measure):
    if api == "train" or version < Version("0.17.0"):
        with pytest.raises(TypeError, match=r"does not support 'kl_estimator': TRL 0\.17\.0-1\.12\.0 supports"):
            create_ppo_config(api=api, kl_estimator="k3")
        assert create_ppo_config(api=api, kl_estimator="k1") is not None, "there is no other"
        measure("features", "option kl_estimator", "refused")
        return
    k1, k3 = run(updates=2), run(updates=2, kl_estimator="k3")
    assert k3.texts == k1.texts
    assert k3.updates[1]["kl"] == pytest.approx(k1.updates[1]["kl"], rel=1e-3), "the portable number is k1's"
    assert k3.updates[1].trl["objective/kl"] > 0
    assert not math.isclose(k3.own("kl_penalty", 1), k1.own("kl_penalty", 1), rel_tol=1e-3)
    measure("features", "option kl_estimator", "works")
