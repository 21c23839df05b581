"""The step API scores with a reward model in batches, and each score is what the model says of the text alone."""

from __future__ import annotations

import importlib
from types import SimpleNamespace

import pytest
from tiny_models import HEADS, HIDDEN, LAYERS, POSITIONS, is_known

from rldk.integrations.trl import run_ppo
from rldk.integrations.trl.models.kinds import classify
from rldk.integrations.trl.releases.generations import installed_generation
from rldk.integrations.trl.rewards.models import moved_to
from rldk.integrations.trl.rewards.scoring import score_responses

pytestmark = pytest.mark.trl_ppo("step")

PAD = 0
# Prompt and response. The padding token, which is the end token too, is in the middle, at the end and at the start.
TEXTS = [
    ([5, 6, 7], [8, 9, 10, 11, 12, 13]),
    ([5], [6]),
    ([4, 4, PAD, 9], [8, PAD, 7]),
    ([6, 5], [4, 3, PAD]),
    ([PAD, 6, 5], [4, 3]),
    ([9, PAD], [PAD, PAD]),
    ([7, 8], [9, 10, 11, 12, 13, 14, 15, 16]),
]
SIZES = {"hidden_size": HIDDEN, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS}


def config_of(architecture, **options):
    transformers = importlib.import_module("transformers")
    common = {"vocab_size": 32, "bos_token_id": PAD, "eos_token_id": PAD, "pad_token_id": PAD, "num_labels": 1}
    common |= options
    if architecture == "GPT2":
        return transformers.GPT2Config(n_embd=HIDDEN, n_layer=LAYERS, n_head=HEADS, n_positions=POSITIONS, **common)
    if architecture == "Llama":
        return transformers.LlamaConfig(**SIZES, intermediate_size=64, **common)
    return transformers.XLNetConfig(d_model=HIDDEN, n_layer=LAYERS, n_head=HEADS, d_inner=64, **common)


def classifier(architecture, **options):
    torch, transformers = importlib.import_module("torch"), importlib.import_module("transformers")
    torch.manual_seed(0)
    model = getattr(transformers, f"{architecture}ForSequenceClassification")(config_of(architecture, **options))
    with torch.no_grad():
        for parameter in model.parameters():  # the fresh weights are so small that all scores are near 0
            parameter.add_(torch.randn_like(parameter) * 0.3)
    return model.train()


def wrapper(tiny_gpt2):
    torch = importlib.import_module("torch")
    torch.manual_seed(0)
    model = installed_generation("step").value_head.from_pretrained(str(tiny_gpt2))
    torch.nn.init.normal_(model.v_head.summary.weight)
    return model


def scores_of(model, rows):
    """The scores of TEXTS, and how many rows each forward pass had."""
    torch = importlib.import_module("torch")
    queries, responses = ([torch.tensor(ids) for ids in part] for part in zip(*TEXTS, strict=True))
    sizes = []
    hook = model.register_forward_pre_hook(
        lambda _, args, kwargs: sizes.append(len(kwargs["input_ids"])), with_kwargs=True
    )
    found = score_responses(classify(model), None, queries, responses, rows)
    hook.remove()
    assert all(score.shape == () and score.dtype == torch.float32 for score in found)
    return [float(score) for score in found], sizes


@pytest.mark.parametrize("architecture", ["GPT2", "Llama"])
def test_a_classifier_s_scores_are_those_of_the_texts_alone(architecture):
    if architecture == "Llama" and not is_known(architecture):
        pytest.skip("this release of transformers does not have Llama")
    model = classifier(architecture)
    alone, sizes = scores_of(model, 1)
    assert sizes == [1] * len(TEXTS)
    assert len({round(score, 3) for score in alone}) == len(TEXTS), "the scores differ, so a mix-up would show"
    for rows in (3, 8):
        together, sizes = scores_of(model, rows)
        assert together == pytest.approx(alone, abs=1e-5)
        assert max(sizes) == min(rows, 6), "all but the row that begins with padding"
    assert model.training


def test_a_wrapper_s_values_are_those_of_the_texts_alone(tiny_gpt2):
    model = wrapper(tiny_gpt2)
    alone, _ = scores_of(model, 1)
    assert len({round(score, 3) for score in alone}) == len(TEXTS)
    together, sizes = scores_of(model, 4)
    assert together == pytest.approx(alone, abs=1e-5)
    assert sizes == [4, 3]


def test_without_a_padding_token_it_is_one_row_at_a_time():
    model = classifier("GPT2", pad_token_id=None)
    alone, _ = scores_of(model, 1)
    assert scores_of(model, 8) == (alone, [1] * len(TEXTS))


def test_a_model_that_takes_no_mask_gets_one_row_at_a_time():
    torch = importlib.import_module("torch")

    class Mean(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = torch.nn.Embedding(32, 1)
            self.config = SimpleNamespace(pad_token_id=PAD)

        def forward(self, input_ids):
            return SimpleNamespace(logits=self.embedding(input_ids).mean(1))

    model = Mean()
    alone, _ = scores_of(model, 1)
    assert scores_of(model, 8) == (alone, [1] * len(TEXTS))


def test_a_classifier_that_reads_its_padding_gets_one_row_at_a_time():
    """XLNet scores the last token of a row, also if that is padding."""
    model = classifier("XLNet")
    alone, _ = scores_of(model, 1)
    assert scores_of(model, 8) == (alone, [1] * len(TEXTS))


def test_two_labels_are_refused_in_a_batch_too():
    with pytest.raises(
        TypeError, match=r"returned logits of shape \(6, 2\) for 6 texts: use AutoModelFor.*num_labels=1"
    ):
        scores_of(classifier("GPT2", num_labels=2), 8)


def test_a_run_scores_a_mini_batch_at_a_time(make_ppo_setup):
    setup = make_ppo_setup(per_device_train_batch_size=2, num_mini_batches=2)
    trainer = setup.create_trainer()
    sizes = []
    trainer.reward_model.register_forward_pre_hook(
        lambda _, args, kwargs: sizes.append(len(kwargs["input_ids"])), with_kwargs=True
    )
    run_ppo(trainer)
    size = getattr(trainer.config, "mini_batch_size", trainer.config.batch_size)
    assert max(sizes) == size > 1


def test_a_model_on_the_cpu_is_moved_for_the_run(monkeypatch):
    """There is no accelerator in a cell: `to` only notes where the model would be."""
    torch = importlib.import_module("torch")
    model, moves = classifier("GPT2"), []
    monkeypatch.setattr(model, "to", lambda device: moves.append(str(device)))
    with pytest.raises(KeyError), moved_to(classify(model), torch.device("cuda:0")):
        raise KeyError
    assert moves == ["cuda:0", "cpu"]
    with moved_to(classify(model), torch.device("cpu")), moved_to(classify(len), torch.device("cuda:0")):
        pass
    model.hf_device_map = {"": "cpu"}
    with moved_to(classify(model), torch.device("cuda:0")):
        pass
    assert moves == ["cuda:0", "cpu"]
