"""Reward functions that ask for prompts, completions, token ids and columns by name, and weighted sums."""

from __future__ import annotations

import importlib

import pytest
from both_apis import WITH_PPOV2, config_of

from rldk.integrations.trl import create_ppo_config, run_ppo, validate_ppo_setup
from rldk.integrations.trl.rewards.functions import call_reward_function

pytestmark = pytest.mark.trl_ppo

PROMPTS = ["the cat sat on", "you are in", "what is the colour of", "the cat sat on"]  # one prompt twice
BATCH = 4


def rows(tokenizer, count=8):
    """Prompts of different lengths; ``answer`` differs even where the prompt is the same."""
    texts = [PROMPTS[number % len(PROMPTS)] for number in range(count)]
    return [
        {**tokenizer(text), "prompt_text": text, "answer": f"{text} #{number}", "bonus": number, "extra": {"a": None}}
        for number, text in enumerate(texts)
    ]


def trainer_with(make_ppo_setup, reward_model, train_dataset=None, **options):
    setup = make_ppo_setup(response_length=6, per_device_train_batch_size=BATCH, **options)
    prompts = rows(setup.tokenizer) if train_dataset is None else train_dataset
    return setup, setup.create_trainer(reward_model=reward_model, train_dataset=prompts)


def test_each_value_belongs_to_its_text(make_ppo_setup, measure):
    seen = []

    def score(prompts, completions, prompt_ids, completion_ids, texts, prompt_text, answer, *, bonus):
        seen.append(answer)
        for n, text in enumerate(texts):
            assert prompts[n] == prompt_text[n]
            assert answer[n] == f"{prompt_text[n]} #{bonus[n]}"
            assert text == prompts[n] + completions[n]
            assert tokenizer.decode(prompt_ids[n]) == prompts[n]
            assert tokenizer.decode(completion_ids[n], skip_special_tokens=True) == completions[n]
        return [float(number) for number in bonus]

    # Two chunks of a batch on the train API, and prompts of different lengths in each.
    setup = make_ppo_setup(
        response_length=6, per_device_train_batch_size=BATCH, local_rollout_forward_batch_size=2, total_episodes=16
    )
    tokenizer = setup.tokenizer
    trainer = setup.create_trainer(reward_model=score, train_dataset=rows(tokenizer))
    metrics = run_ppo(trainer, 2)
    metrics += run_ppo(trainer, 2)  # a second epoch, and a second run

    scored = [answer for call in seen for answer in call]
    assert len(scored) == 4 * BATCH
    for epoch in (scored[: 2 * BATCH], scored[2 * BATCH :]):
        assert sorted(epoch) == sorted(row["answer"] for row in rows(tokenizer)), "each row once in an epoch"
    of_update = [scored[start : start + BATCH] for start in range(0, len(scored), BATCH)]
    expected = [sum(int(answer.rpartition("#")[2]) for answer in batch) / BATCH for batch in of_update]
    assert [one["score"] for one in metrics] == pytest.approx(expected)
    measure("features", "reward: function of columns by name", "works")


def test_everything_goes_to_keyword_arguments(make_ppo_setup):
    seen = {}

    def score(completions, **others):
        seen.update(others)
        return [0.0] * len(completions)

    _, trainer = trainer_with(make_ppo_setup, score)
    run_ppo(trainer)

    assert set(seen) == {"texts", "prompts", "prompt_ids", "completion_ids", "prompt_text", "answer", "bonus", "extra"}


def test_a_column_that_is_missing_is_one_line_before_training(make_ppo_setup):
    def score(texts, solution):
        return [0.0] * len(texts)

    with pytest.raises(ValueError, match="reward_model asks for solution, but train_dataset has no such column") as at:
        trainer_with(make_ppo_setup, score)
    assert "\n" not in str(at.value)


def test_validate_accepts_text_columns_that_the_function_asks_for(make_ppo_setup):
    setup = make_ppo_setup()
    parts = (setup.model, setup.ref_model)
    prompts = importlib.import_module("datasets").Dataset.from_list(
        [{"input_ids": row["input_ids"], "answer": row["answer"]} for row in rows(setup.tokenizer)]
    )

    def found(reward):
        report = validate_ppo_setup(*parts, reward, setup.value_model, setup.tokenizer, train_dataset=prompts)
        return [issue for issue in report["issues"] if "column" in issue]

    assert found(lambda texts, answer: [0.0] * len(texts)) == []
    assert found({(lambda texts, answer: [0.0] * len(texts)): 1.0}) == []
    (issue,) = found(lambda texts, solution: [0.0] * len(texts))[:1]
    assert issue.startswith("reward_model asks for solution, but train_dataset has no such column (columns: answer)")


@pytest.mark.trl_ppo("train")
def test_samples_of_eval_dataset_have_their_own_columns(make_ppo_setup, tmp_path):
    seen = []

    def score(completions, answer):
        seen.append(answer)
        return [0.0] * len(completions)

    setup = make_ppo_setup(response_length=4, per_device_train_batch_size=BATCH)
    evaluated = [{**setup.tokenizer("you are"), "answer": f"eval #{n}"} for n in range(4)]
    options = {"num_sample_generations": 1, "per_device_eval_batch_size": 2, "total_episodes": 8}
    config = create_ppo_config(str(tmp_path), response_length=4, per_device_train_batch_size=BATCH, **options)
    trainer = setup.create_trainer(
        ppo_config=config, reward_model=score, train_dataset=rows(setup.tokenizer), eval_dataset=evaluated
    )
    run_ppo(trainer, 2)

    samples = [call for call in seen if call[0].startswith("eval")]
    assert samples
    assert all(call == ["eval #0", "eval #1"] for call in samples)
    trained = [answer for call in seen if call not in samples for answer in call]
    assert sorted(trained) == sorted(row["answer"] for row in rows(setup.tokenizer))


@WITH_PPOV2
def test_ppov2_passes_columns_too(make_ppo_setup):
    seen = []

    def score(completions, answer):
        seen.extend(answer)
        return [float(answer.rpartition("#")[2]) for answer in answer]

    setup = make_ppo_setup(response_length=6, per_device_train_batch_size=BATCH)
    config = config_of(setup, "train", response_length=6)
    trainer = setup.create_trainer(ppo_config=config, reward_model=score, train_dataset=rows(setup.tokenizer))
    metrics = run_ppo(trainer, 2)

    assert sorted(seen) == sorted(row["answer"] for row in rows(setup.tokenizer))
    assert [one["score"] for one in metrics] == pytest.approx(
        [sum(int(answer.rpartition("#")[2]) for answer in batch) / BATCH for batch in (seen[:BATCH], seen[BATCH:])]
    )


@pytest.mark.trl_ppo("train")
def test_only_run_ppo_can_name_the_batch(make_ppo_setup):
    def score(completions):
        return [0.0] * len(completions)

    _, trainer = trainer_with(make_ppo_setup, score)
    with pytest.raises(RuntimeError, match=r"call run_ppo\(trainer\) instead of trainer.train\(\)"):
        trainer.train()


def test_several_functions_are_added_with_their_weights(make_ppo_setup):
    def length(texts):
        return [float(len(text)) for text in texts]

    def bonuses(completions, bonus):
        return [float(number) for number in bonus]

    seen = []

    def both(texts, bonus):
        seen.append([0.5 * len(text) - 2.0 * number for text, number in zip(texts, bonus, strict=True)])
        return seen[-1]

    _, summed = trainer_with(make_ppo_setup, {length: 0.5, bonuses: -2.0})
    (found,) = run_ppo(summed)
    _, single = trainer_with(make_ppo_setup, both)
    (expected,) = run_ppo(single)

    assert found["score"] == pytest.approx(expected["score"])
    assert found["score"] == pytest.approx(sum(sum(call) for call in seen) / BATCH)


def test_a_mistake_in_one_of_several_functions_names_it(make_ppo_setup):
    def good(texts):
        return [0.0] * len(texts)

    def short(texts):
        return [0.0]

    _, trainer = trainer_with(make_ppo_setup, {good: 1.0, short: 1.0})
    with pytest.raises(ValueError, match="reward function short returned 1 rewards for 4 texts"):
        run_ppo(trainer)


@pytest.mark.parametrize(
    ("weights", "error", "said"),
    [
        ({}, ValueError, "an empty dict"),
        ({"length": 1.0}, TypeError, "a str as a key: use functions"),
        ({len: "1"}, TypeError, "the weight '1'"),
        ({len: float("nan")}, ValueError, "the weight nan"),
    ],
)
def test_weights_that_are_wrong_are_one_line(ppo_setup, weights, error, said):
    with pytest.raises(error, match=f"^reward_model (has|is) {said}") as caught:
        ppo_setup.create_trainer(reward_model=weights)
    assert "\n" not in str(caught.value)


def test_one_list_of_texts_is_the_convention_unless_a_name_says_otherwise():
    calls = []

    def plain(anything):
        calls.append(anything)
        return [0.0]

    def scaled(texts, scale=2.0):
        return [scale]

    assert call_reward_function(plain, ["a"], {"prompts": ["b"]}) == [0.0]
    assert calls == [["a"]]
    assert call_reward_function(scaled, ["a"], {"scale": [5.0]}) == [2.0]


def test_a_checkpoint_continues_with_the_right_columns(make_ppo_setup, tmp_path):
    from rldk.integrations.trl import load_ppo_checkpoint, save_ppo_checkpoint

    answers = {"whole": [], "resumed": []}

    def recording(name):
        def score(completions, answer):
            answers[name].extend(answer)
            return [float(len(one)) for one in completions]

        return score

    _, whole = trainer_with(make_ppo_setup, recording("whole"), total_episodes=12)
    run_ppo(whole, 3)
    _, first = trainer_with(make_ppo_setup, recording("resumed"), total_episodes=12)
    run_ppo(first, 1)
    save_ppo_checkpoint(first, str(tmp_path / "checkpoint"))
    _, second = trainer_with(make_ppo_setup, recording("resumed"), total_episodes=12)
    load_ppo_checkpoint(second, str(tmp_path / "checkpoint"))
    run_ppo(second, 2)

    assert answers["resumed"] == answers["whole"]
