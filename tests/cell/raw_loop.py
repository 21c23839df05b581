"""A user's code around wrappers and the step API, with one fault each, and as the catalogue advises to write it."""

from __future__ import annotations

import sys

from raw_program import WRAPPER
from raw_registry import PPO, STEP, code


@code("wrapper-without-a-model-s-method", PPO)
def method_of_the_model(raw, as_advised=False):
    wrapper = raw.wrapper()
    (wrapper.pretrained_model if as_advised else wrapper).resize_token_embeddings(len(raw.tokenizer))


@code("model-without-language-model-head", PPO)
@code("wrapper-of-a-model-that-cannot-generate", PPO)
def wrapper_of_a_model_without_a_head(raw, as_advised=False):
    from transformers import AutoModel, AutoModelForCausalLM

    model = (AutoModelForCausalLM if as_advised else AutoModel).from_pretrained(raw.model_name)
    return raw.from_trl(WRAPPER).from_pretrained(model)


@code("value-head-without-hidden-size", PPO)
def value_head_of_a_multimodal_config(raw, as_advised=False):
    from transformers import PretrainedConfig

    config = PretrainedConfig()
    config.text_config = PretrainedConfig()
    config.text_config.hidden_size = 8
    if as_advised:
        config.hidden_size = config.text_config.hidden_size
    # In 0.27 and 0.28 `trl` has a subclass that warns, in a module without the head.
    modules = [sys.modules[cls.__module__] for cls in raw.from_trl(WRAPPER).__mro__]
    return next(module.ValueHead for module in modules if hasattr(module, "ValueHead"))(config)


def prefixed(wrapper):
    """The wrapper's weights under the names that it loads."""
    weights = wrapper.state_dict().items()
    return {name if name.startswith("v_head") else f"pretrained_model.{name}": value for name, value in weights}


@code("value-head-of-another-size", PPO)
def value_head_of_another_size(raw):
    wrapper = raw.wrapper()
    weights = prefixed(wrapper)
    wrapper.load_state_dict(weights | {"v_head.summary.weight": weights["v_head.summary.weight"][:, :4]})


@code("wrapper-weights-without-prefix", PPO)
def weights_loaded_as_they_were_saved(raw, as_advised=False):
    wrapper = raw.wrapper()
    wrapper.load_state_dict(prefixed(wrapper) if as_advised else wrapper.state_dict())


@code("policy-with-nan", PPO)
def policy_with_nan(raw):
    import torch

    policy = raw.wrapper() if raw.is_step else raw.policy()
    with torch.no_grad():
        next(policy.parameters()).fill_(float("nan"))
    if not raw.is_step:
        return raw.train(model=policy)
    query = torch.tensor(raw.prompts()["input_ids"][0])
    return raw.step_trainer(model=policy).generate(query, max_new_tokens=2, do_sample=True)


@code("text-longer-than-positions", PPO)
def prompts_longer_than_the_positions(raw, as_advised=False):
    import torch
    from datasets import Dataset

    room = raw.policy().config.n_positions
    prompts = Dataset.from_dict({"input_ids": [[5] * (room - 4 if as_advised else room + 1)] * 4})
    if not raw.is_step:
        return raw.train(train_dataset=prompts)
    return raw.step_trainer().generate(torch.tensor(prompts["input_ids"][0]), max_new_tokens=2)


@code("step-dataset-smaller-than-a-batch", STEP)
def loop_over_too_few_prompts(raw, as_advised=False):
    trainer = raw.step_trainer(train_dataset=raw.prompts().select(range(2 if as_advised else 1)))
    return [batch["input_ids"] for batch in trainer.dataloader]


def prompts_of(raw):
    import torch

    return torch.tensor(raw.prompts()["input_ids"][:2])


@code("batch-of-prompts-to-generate", STEP)
def batch_to_generate(raw, as_advised=False):
    batch = prompts_of(raw)
    advised = list(batch) if raw.is_in(">=0.4.2") else batch[0]
    return raw.step_trainer().generate(advised if as_advised else batch, max_new_tokens=3)


@code("generation-as-a-dict", STEP)
def generation_as_a_dict(raw, as_advised=False):
    options = {} if as_advised else {"return_dict_in_generate": True}
    return raw.step_trainer().generate(list(prompts_of(raw)), max_new_tokens=3, **options)


@code("step-wants-lists-of-tensors", STEP)
def step_on_tensors(raw, as_advised=False):
    import torch

    queries, scores = prompts_of(raw), torch.tensor([0.5, 1.0])
    parts = [list(part) if as_advised else part for part in (queries, queries, scores)]
    return raw.step_trainer().step(*parts)


@code("empty-response", STEP)
def step_on_an_empty_response(raw, as_advised=False):
    import torch

    queries = list(prompts_of(raw))
    responses = [queries[1], queries[0] if as_advised else queries[0][:0]]
    return raw.step_trainer().step(queries, responses, [torch.tensor(0.5), torch.tensor(1.0)])


@code("tokenizer-not-given", STEP)
def trainer_without_a_tokenizer(raw, as_advised=False):
    return raw.step_trainer(**({} if as_advised else {"tokenizer": None}))


@code("subclass-without-response-masks", STEP)
def subclass_of_an_older_trainer(raw, as_advised=False):
    import torch

    class Mine(raw.from_trl("PPOTrainer")):
        def batched_forward_pass(self, model, queries, responses, model_inputs, return_logits=False):
            return super().batched_forward_pass(model, queries, responses, model_inputs, return_logits)

    class Newer(raw.from_trl("PPOTrainer")):
        def batched_forward_pass(
            self, model, queries, responses, model_inputs, return_logits=False, response_masks=None
        ):
            return super().batched_forward_pass(
                model, queries, responses, model_inputs, return_logits, response_masks=response_masks
            )

    queries = list(prompts_of(raw))
    trainer = (Newer if as_advised else Mine)(**raw.step_parts())
    return trainer.step(queries, queries, [torch.tensor(0.5), torch.tensor(1.0)])
