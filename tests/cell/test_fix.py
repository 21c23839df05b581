"""`fix_generation_config` on the release's real wrapper and model classes."""

from __future__ import annotations

import copy
import pickle

import pytest

from rldk.integrations.trl import fix_generation_config

pytestmark = pytest.mark.trl_ppo


@pytest.fixture
def tokenizer(make_ppo_setup, tiny_gpt2):
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(tiny_gpt2)


@pytest.fixture
def wrapper(make_ppo_setup, tiny_gpt2):
    from rldk.integrations.trl.releases.generations import installed_generation

    return installed_generation().value_head.from_pretrained(str(tiny_gpt2))


def keys(model):
    return (
        list(model.state_dict()),
        [name for name, _ in model.named_parameters()],
        len(list(model.modules())),
    )


def test_everything_that_ppo_reads_is_there(wrapper, tokenizer):
    assert fix_generation_config(wrapper, tokenizer) is wrapper
    assert wrapper.base_model_prefix == "transformer"
    assert wrapper.transformer is wrapper.pretrained_model.transformer
    assert wrapper.score is wrapper.v_head
    assert wrapper.is_gradient_checkpointing is False
    config = wrapper.generation_config
    assert config is wrapper.pretrained_model.generation_config
    assert (config.eos_token_id, config.pad_token_id) == (tokenizer.eos_token_id, tokenizer.pad_token_id)
    assert config.bos_token_id == tokenizer.bos_token_id
    assert (config.max_length, config.do_sample, config.temperature, config.top_p) == (512, True, 1.0, 1.0)


def test_gradient_checkpointing_is_seen(wrapper, tokenizer):
    fix_generation_config(wrapper, tokenizer)
    wrapper.pretrained_model.gradient_checkpointing_enable()
    assert wrapper.is_gradient_checkpointing is True


def test_no_key_appears_twice(wrapper, tokenizer):
    before = keys(wrapper)
    fix_generation_config(wrapper, tokenizer)
    assert keys(wrapper) == before


def test_inside_another_module_its_state_can_be_had(wrapper, tokenizer):
    """As value model it is inside TRL's pair of policy and value model; raw, each release fails there."""
    import torch

    whole = torch.nn.ModuleDict({"value_model": wrapper})
    with pytest.raises(RuntimeError, match="OrderedDict mutated during iteration"):
        whole.state_dict()
    fix_generation_config(wrapper, tokenizer)
    state = whole.state_dict()
    assert {name for name, _ in whole.named_parameters()} <= state.keys()
    whole.load_state_dict({name: torch.zeros_like(tensor) for name, tensor in state.items()})
    assert not any(parameter.any() for parameter in wrapper.parameters())


def test_twice_is_once(wrapper, tokenizer):
    fix_generation_config(wrapper, tokenizer)
    once, state = type(wrapper), copy.deepcopy(wrapper.generation_config.to_dict())
    fix_generation_config(wrapper, tokenizer)
    assert type(wrapper) is once
    assert wrapper.generation_config.to_dict() == state


def test_a_given_generation_config_is_used(wrapper, tokenizer):
    from transformers import GenerationConfig

    given = GenerationConfig(max_new_tokens=3, eos_token_id=tokenizer.eos_token_id)
    fix_generation_config(wrapper, tokenizer, given)
    assert wrapper.generation_config is given
    assert wrapper.pretrained_model.generation_config is given


def test_the_class_and_the_output_stay_what_they_were(wrapper, tokenizer):
    import torch

    ids = torch.tensor([tokenizer("the cat")["input_ids"]])
    wrapper.eval()
    name, bases, before = type(wrapper).__name__, type(wrapper), wrapper(ids)
    fix_generation_config(wrapper, tokenizer)
    logits, loss, value = wrapper(ids)
    assert type(wrapper).__name__ == name
    assert isinstance(wrapper, bases)
    assert torch.equal(logits, before[0])
    assert loss is before[1] is None
    assert torch.equal(value, before[2])
    output = wrapper(ids)
    assert output.logits is output[0]
    assert output.value is output[2]


def test_deepcopy_is_independent(wrapper, tokenizer):
    fix_generation_config(wrapper, tokenizer)
    twin = copy.deepcopy(wrapper)
    assert twin.score is twin.v_head
    assert twin.score is not wrapper.score
    assert twin.transformer is twin.pretrained_model.transformer
    assert keys(twin) == keys(wrapper)


def test_pickle_keeps_everything(wrapper, tokenizer):
    import torch

    fix_generation_config(wrapper, tokenizer)
    twin = pickle.loads(pickle.dumps(wrapper))
    assert type(twin) is type(wrapper)
    assert twin.score is twin.v_head
    assert twin.generation_config.max_length == 512
    for name, tensor in wrapper.state_dict().items():
        assert torch.equal(tensor, twin.state_dict()[name])


def test_to_keeps_the_aliases(wrapper, tokenizer):
    import torch

    fix_generation_config(wrapper, tokenizer)
    assert wrapper.to(torch.float64) is wrapper
    assert wrapper.score is wrapper.v_head
    assert next(wrapper.score.parameters()).dtype == torch.float64
    assert next(wrapper.transformer.parameters()).dtype == torch.float64


def test_a_replaced_value_head_is_the_score(wrapper, tokenizer):
    fix_generation_config(wrapper, tokenizer)
    wrapper.v_head = copy.deepcopy(wrapper.v_head)
    assert wrapper.score is wrapper.v_head


def test_a_checkpoint_from_before_the_fix_loads_after_it(wrapper, tokenizer, tmp_path):
    import torch

    old = copy.deepcopy(wrapper)
    with torch.no_grad():
        for parameter in old.parameters():
            parameter.add_(1.0)
    fix_generation_config(wrapper, tokenizer)
    wrapper.load_state_dict(torch.nn.Module.state_dict(old))
    for name, tensor in old.state_dict().items():
        assert torch.equal(tensor, wrapper.state_dict()[name])

    old.save_pretrained(str(tmp_path / "before"))
    loaded = fix_generation_config(type(old).from_pretrained(str(tmp_path / "before")), tokenizer)
    for name, tensor in old.state_dict().items():
        assert torch.equal(tensor, loaded.state_dict()[name])


def test_a_checkpoint_from_after_the_fix_loads_without_it(wrapper, tokenizer, tmp_path):
    import torch

    plain = type(wrapper)
    fix_generation_config(wrapper, tokenizer).save_pretrained(str(tmp_path / "after"))
    loaded = plain.from_pretrained(str(tmp_path / "after"))
    assert type(loaded) is plain
    for name, tensor in wrapper.state_dict().items():
        assert torch.equal(tensor, loaded.state_dict()[name])


def test_the_wrapper_generates_with_its_generation_config(wrapper, tokenizer):
    import torch
    from transformers import GenerationConfig

    ids = torch.tensor([tokenizer("the cat")["input_ids"]])
    # Not max_length: transformers 5.0-5.2 add the prompt's length to that of a model's own config.
    config = GenerationConfig(max_new_tokens=5, min_new_tokens=5, pad_token_id=tokenizer.pad_token_id)
    fix_generation_config(wrapper, tokenizer, config)
    assert wrapper.generate(input_ids=ids).shape == (1, ids.shape[1] + 5)


def test_a_plain_model_only_gets_what_its_generation_config_lacks(tiny_gpt2, tokenizer):
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(tiny_gpt2)
    config, kind, names, before = model.generation_config, type(model), set(vars(model)), keys(model)
    config.pad_token_id, config.top_k = None, 7
    assert fix_generation_config(model, tokenizer) is model
    assert type(model) is kind
    assert set(vars(model)) == names
    assert keys(model) == before
    assert model.generation_config is config
    assert (config.eos_token_id, config.pad_token_id) == (tokenizer.eos_token_id, tokenizer.pad_token_id)
    assert config.top_k == 7
    assert not hasattr(model, "score")


@pytest.mark.parametrize("odd", [None, "gpt2", 3, object(), {}], ids=["None", "text", "number", "object", "dict"])
def test_anything_else_is_a_type_error(odd, tokenizer):
    with pytest.raises(TypeError, match=r"^model must be a value-head wrapper or a PreTrainedModel, got "):
        fix_generation_config(odd, tokenizer)


def test_a_bare_module_is_a_type_error(tokenizer):
    import torch

    with pytest.raises(TypeError, match="got Linear"):
        fix_generation_config(torch.nn.Linear(1, 1), tokenizer)


def test_a_tokenizer_that_is_none_is_a_type_error(wrapper):
    with pytest.raises(TypeError, match=r"^tokenizer must be a transformers tokenizer, got NoneType"):
        fix_generation_config(wrapper, None)
