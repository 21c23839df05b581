"""A reward model may be any module that returns one score per row of token ids."""

from __future__ import annotations

import importlib

import pytest
from packaging.version import Version

from rldk.integrations.trl import create_ppo_trainer, run_ppo, validate_ppo_setup
from rldk.integrations.trl.models.kinds import classify
from rldk.integrations.trl.rewards.scoring import score_responses

pytestmark = pytest.mark.trl_ppo


def module(forward, **parts):
    torch = importlib.import_module("torch")
    made = type("Scorer", (torch.nn.Module,), {"forward": forward})()
    for name, part in parts.items():
        setattr(made, name, part)
    return made


def mean_id(self, input_ids):
    return input_ids.float().mean(dim=-1)


def with_mask(self, input_ids, attention_mask):
    return (input_ids * attention_mask).sum(dim=-1, keepdim=True) / attention_mask.sum(dim=-1, keepdim=True)


def of_texts(self, texts):
    return [0.0] * len(texts)


def two_scores(self, input_ids):
    return input_ids.float()[:, :2]


FORMS = {
    "without parameters": lambda: module(mean_id),
    "with a mask": lambda: module(with_mask),
    "with an empty prefix": lambda: module(mean_id, base_model_prefix=""),
    "with parameters": lambda: module(mean_id, layer=importlib.import_module("torch").nn.Linear(2, 2)),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_module_that_scores_rows_trains(ppo_setup, form):
    scorer, seen = FORMS[form](), []
    scorer.register_forward_hook(lambda module, inputs, output: seen.append(output))
    ppo_setup.create_trainer(reward_model=scorer)
    (metrics,) = ppo_setup.train()
    scores = [float(score) for output in seen for score in output.reshape(-1)]
    assert len(scores) == 4
    assert metrics["score"] == pytest.approx(sum(scores) / 4, rel=1e-5)


def test_a_classifier_with_another_head_trains(ppo_setup):
    """BERT's head is called `classifier`; TRL's train API reads `score`."""
    from transformers import BertConfig, BertForSequenceClassification

    vocabulary = len(ppo_setup.tokenizer)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    scorer = BertForSequenceClassification(BertConfig(vocab_size=vocabulary, num_labels=1, **sizes))
    seen = []
    scorer.register_forward_hook(lambda module, inputs, output: seen.extend(output.logits[:, 0].tolist()))
    ppo_setup.create_trainer(reward_model=scorer)
    (metrics,) = ppo_setup.train()
    assert metrics["score"] == pytest.approx(sum(seen) / 4, rel=1e-4)


def test_padding_is_no_part_of_a_row(ppo_setup):
    """The same scores in both APIs as for each row alone."""
    torch = importlib.import_module("torch")
    rows = [torch.tensor([3, 5]), torch.tensor([7])]
    scored = score_responses(classify(module(mean_id)), ppo_setup.tokenizer, rows, [row[:0] for row in rows], 2)
    assert [float(score) for score in scored] == [4.0, 7.0]


def test_a_module_that_is_no_reward_model_is_refused_in_one_line(ppo_setup):
    with pytest.raises(TypeError, match=r"^reward_model \(Scorer\) does not take input_ids in its forward: use "):
        ppo_setup.create_trainer(reward_model=module(of_texts))
    ppo_setup.create_trainer(reward_model=module(two_scores))
    with pytest.raises(TypeError, match=r"^reward_model \(Scorer\) returned logits of shape \(1, 2\) for one text: "):
        ppo_setup.train()


@pytest.mark.trl_ppo("step")
class TestWithoutARewardModel:
    def parts(self, setup):
        return {"model": setup.model, "ref_model": setup.ref_model, "tokenizer": setup.tokenizer}

    def test_it_is_valid_and_run_ppo_asks_for_one(self, ppo_setup):
        report = validate_ppo_setup(**self.parts(ppo_setup), reward_model=None, value_model=None)
        assert report == {"valid": True, "issues": [], "warnings": [], "recommendations": []}
        trainer = create_ppo_trainer(None, ppo_setup.config, ppo_setup.train_dataset, **self.parts(ppo_setup))
        with pytest.raises(ValueError, match=r"^run_ppo: there is no reward model: pass reward_model"):
            run_ppo(trainer)
        assert run_ppo(trainer, reward_model=lambda texts: [1.0] * len(texts))[0]["score"] == 1.0

    @pytest.mark.parametrize("rows", ["queries", "tuples"])
    def test_a_loop_of_its_own(self, ppo_setup, rows):
        """The data and the loop of TRL's own tests (tests/test_ppo_trainer.py until 0.11.4)."""
        torch = importlib.import_module("torch")
        from datasets import Dataset

        ids = [torch.tensor([0, 1, 2, 3, 4, 5, 6])] * 4
        if rows == "tuples":
            dataset = torch.utils.data.TensorDataset(torch.stack(ids), torch.stack(ids))
        else:
            # Without the format "torch", which datasets 2.20 cannot make with numpy 2 (TRL 0.9.4's own dependencies).
            dataset = Dataset.from_dict({"query": ids, "response": ids})
        trainer = create_ppo_trainer(None, ppo_setup.config, dataset, **self.parts(ppo_setup))
        (batch,) = list(trainer.dataloader)
        columns = batch if rows == "tuples" else [torch.stack(batch[name]).T for name in ("query", "response")]
        queries, responses = columns
        stats = trainer.step(list(queries), list(responses), [torch.tensor(1.0)] * 4)
        assert "ppo/mean_scores" in stats or "ppo/mean_non_score_reward" in stats
        with pytest.raises(ValueError, match=r"^run_ppo: train_dataset has no input_ids: tokenize the prompts"):
            run_ppo(trainer, reward_model=len)

    def test_fewer_tuples_than_a_batch(self, ppo_setup):
        """As in TRL's own tests. Another loop may not need a full batch, so this is a warning."""
        torch = importlib.import_module("torch")

        class Pairs(torch.utils.data.Dataset):
            def __len__(self):
                return 2

            def __getitem__(self, number):
                return torch.tensor([0, 1, 2]), torch.tensor([3, 4, 5])

        trainer = create_ppo_trainer(None, ppo_setup.config, Pairs(), **self.parts(ppo_setup))
        assert trainer.dataset[0][1].tolist() == [3, 4, 5]
        report = validate_ppo_setup(
            **self.parts(ppo_setup),
            reward_model=None,
            value_model=None,
            config=ppo_setup.config,
            train_dataset=Pairs(),
        )
        assert report["valid"]
        assert "train_dataset has 2 prompts, fewer than one batch of 4" in report["warnings"][0]
        with pytest.raises(ValueError, match=r"^run_ppo: "):
            run_ppo(trainer, reward_model=len)

    def test_without_a_dataset(self, ppo_setup):
        trainer = create_ppo_trainer(None, ppo_setup.config, None, **self.parts(ppo_setup))
        with pytest.raises(ValueError, match=r"^run_ppo: the trainer has no train_dataset: pass it to"):
            run_ppo(trainer, reward_model=len)


@pytest.mark.trl_ppo("train")
def test_an_eval_dataset_ends_the_warning_about_samples(ppo_setup, version):
    names = ("model", "ref_model", "reward_model", "value_model", "tokenizer", "config", "train_dataset")
    parts = {name: getattr(ppo_setup, name) for name in names}
    parts["config"].num_sample_generations = 2

    def warnings(eval_dataset):
        return validate_ppo_setup(**parts, eval_dataset=eval_dataset)["warnings"]

    assert len(warnings(None)) == (version < Version("0.29"))
    assert warnings(ppo_setup.train_dataset) == []
    from datasets import Dataset

    report = validate_ppo_setup(**parts, eval_dataset=Dataset.from_dict({"text": ["a"]}))
    assert "eval_dataset has no column input_ids (it has text)" in report["issues"][0]
