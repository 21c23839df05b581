"""Sampling options of ``run_ppo``: what they do to responses and log-probabilities, and the warning about the KL."""

from __future__ import annotations

import warnings

import pytest
from both_apis import EACH_API, config_of
from packaging.version import Version

from rldk.integrations.trl import run_ppo

pytestmark = pytest.mark.trl_ppo

LENGTH = 8  # of a response, in the fixture's config
# With the tokenizer's own EOS, at which the step API of 0.4.2 and newer ends a response in any case.
ENDS = [*range(4, 200, 4), 282]


def several_ids():
    from transformers import __version__

    return Version(__version__) >= Version("4.27")


@pytest.fixture
def sampled(make_ppo_setup):
    """Run one update, and return its metrics and its responses as the reward function sees them."""

    def create(api, generation_config=None, **options):
        responses = []

        def reward(completion_ids):
            responses.extend(list(ids) for ids in completion_ids)
            return [float(len(ids)) for ids in completion_ids]

        setup = make_ppo_setup(reward=reward, learning_rate=1e-12)
        assert setup.tokenizer.eos_token_id in ENDS
        config = config_of(setup, api, learning_rate=1e-12, **options)
        trainer = setup.create_trainer(ppo_config=config, generation_config=generation_config)

        def run(**arguments):
            responses.clear()
            (metrics,) = run_ppo(trainer, **arguments)
            # The policy is the reference model, also where the options cut off most of its tokens.
            assert metrics["kl"] == pytest.approx(0, abs=1e-3)
            return [*responses]

        return setup, run

    return create


@EACH_API
@pytest.mark.filterwarnings("ignore:run_ppo. with")
def test_each_option_reaches_generate(sampled, api):
    _, run = sampled(api)
    greedy = run(do_sample=False)
    assert all(len(ids) == LENGTH for ids in greedy)
    for option in ({"top_k": 1}, {"top_p": 1e-6}):
        _, run_again = sampled(api)  # the same prompts
        assert run_again(**option) == greedy
    for shortest in (5, 6) if several_ids() else ():
        for ids in run(eos_token_id=ENDS, min_new_tokens=shortest):
            assert len(ids) >= shortest
            assert not set(ids[: shortest - 1]) & set(ENDS)


@EACH_API
def test_any_of_several_ids_ends_a_response(sampled, api):
    _, run = sampled(api)
    if not several_ids():
        with pytest.raises(TypeError, match=r"several 'eos_token_id' need transformers 4.27 or newer: upgrade it"):
            run(eos_token_id=ENDS)
        return
    lengths = set()
    for _ in range(2):
        for ids in run(eos_token_id=ENDS):
            assert not set(ids[:-1]) & set(ENDS)
            assert ids[-1] in ENDS or len(ids) == LENGTH
            lengths.add(len(ids))
    assert len(lengths) > 1


@EACH_API
def test_a_stop_string_ends_a_response(sampled, api):
    from transformers import GenerationConfig

    setup, run = sampled(api)
    if not hasattr(GenerationConfig(), "stop_strings"):
        with pytest.raises(TypeError, match=r"'stop_strings' needs transformers 4.39 or newer: upgrade it"):
            run(stop_strings=["g"])
        return
    strings, lengths = ["Y\t", "go"], set()  # the seed's first responses have them
    for _ in range(2):
        for ids in run(stop_strings=strings):
            before, text = setup.tokenizer.decode(ids[:-1]), setup.tokenizer.decode(ids)
            assert not any(string in before for string in strings)
            assert any(string in text for string in strings) or len(ids) == LENGTH
            assert ids[-1] != setup.tokenizer.pad_token_id
            lengths.add(len(ids))
    assert len(lengths) > 1


@EACH_API
def test_a_length_sampler_sets_the_length(sampled, api):
    _, run = sampled(api)
    lengths = iter([3, 5, 4, 6] * 4)
    seen = [len(ids) for _ in range(2) for ids in run(length_sampler=lambda: next(lengths))]
    assert seen in ([3] * 4 + [5] * 4, [3, 5, 4, 6] * 2)  # a length for each batch, or for each prompt
    with pytest.raises(ValueError, match="length_sampler returned 0: it must return a length of 1 or more tokens"):
        run(length_sampler=lambda: 0)


@pytest.mark.trl_ppo("train")
def test_what_the_train_api_cannot_do_is_refused(sampled):
    _, run = sampled(None)
    with pytest.raises(ValueError, match="length_sampler returned 9, but response_length is 8: raise response_length"):
        run(length_sampler=lambda: 9)
    with pytest.raises(TypeError, match="'repetition_penalty' cannot be set here: "):
        run(repetition_penalty=1.2)


@EACH_API
def test_cut_off_sampling_warns_once(sampled, api):
    _, run = sampled(api)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        run()
        run(top_k=0, top_p=1.0, do_sample=True)
        assert not [one for one in seen if "biased" in str(one.message)]
        run(top_p=0.9)
        run(top_p=0.9, top_k=20)
    (warned,) = [one for one in seen if "biased" in str(one.message)]
    assert "with top_p=0.9 the responses are not samples of the policy, so the KL" in str(warned.message)

    _, run = sampled(api)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UserWarning, match="with do_sample=False the responses are not samples"):
            run(do_sample=False)


@pytest.fixture
def cut_off(monkeypatch):
    """Whether each call of ``generate`` left tokens other than EOS without a probability."""
    import torch
    from transformers import GenerationMixin

    generate, seen = GenerationMixin.generate, []

    def watched(model, *args, **kwargs):
        asked = kwargs.pop("return_dict_in_generate", None), kwargs.pop("output_scores", None)
        output = generate(model, *args, **kwargs, return_dict_in_generate=True, output_scores=True)
        seen.append(any(torch.isinf(scores).any(0).sum() > 1 for scores in output.scores))
        return output if any(asked) else output.sequences

    monkeypatch.setattr(GenerationMixin, "generate", watched)
    return seen


@EACH_API
def test_a_generation_config_that_cuts_off_warns_where_it_is_used(sampled, api, cut_off):
    from transformers import GenerationConfig, __version__

    setup, run = sampled(api, GenerationConfig(do_sample=True, typical_p=0.3))
    is_step = hasattr(setup.model, "pretrained_model") and api != "train"
    if is_step:  # where the wrapper's own config is not read
        setup.model.pretrained_model.generation_config.typical_p = 0.3
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        run()
        run()
    warned = [str(one.message) for one in seen if "are not samples of the policy" in str(one.message)]
    assert any(cut_off) is (is_step or Version(__version__) >= Version("4.50"))
    assert len(warned) == any(cut_off)
    assert all("with typical_p=0.3 in " in message for message in warned)


@pytest.mark.trl_ppo("train")
def test_a_generation_config_with_top_p_keeps_the_log_probabilities(sampled):
    from transformers import GenerationConfig

    _, run = sampled(None, GenerationConfig(do_sample=True, top_p=0.3))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "run_ppo: with top_p=0.3 in generation_config")
        run()
