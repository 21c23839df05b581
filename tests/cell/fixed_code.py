"""The code of `raw_code` that the library fixes: what it was written to do is done, on this release."""

from __future__ import annotations

import collections

import pytest
from fix_registry import OurRun, config_of, fixes, start_with_prompts, trained_by_trl

from rldk.integrations.trl import create_ppo_config, create_ppo_trainer, run_ppo


@fixes("bf16-without-accelerator", create_ppo_config)
def a_config_without_bf16_trains(raw):
    config = config_of(raw)
    assert config.bf16 is False
    trained_by_trl(raw, config=config)


@fixes("step-batch-not-divisible", create_ppo_config)
def a_batch_of_three_is_whole(raw):
    config = config_of(raw, per_device_train_batch_size=1, gradient_accumulation_steps=3)
    assert config.batch_size == 3
    assert [len(texts) for texts in OurRun(raw, config=config).train().texts] == [3]


@fixes("step-api-calls", run_ppo)
def updates_without_generate_and_step(raw):
    run = OurRun(raw)
    assert not hasattr(run.trainer, "generate")
    assert not hasattr(run.trainer, "step")
    texts = run.train(updates=2).texts
    assert len(texts) == 2
    assert all(start_with_prompts(batch, raw.prompts(), raw.tokenizer) for batch in texts)


@fixes("step-api-arguments", create_ppo_trainer)
def each_part_is_where_it_belongs(raw):
    models = {"model": raw.wrapper(), "ref_model": raw.wrapper()}
    run = OurRun(raw, **models, tokenizer=raw.tokenizer).train()
    assert run.policy is models["model"].pretrained_model
    assert run.ref_model is models["ref_model"].pretrained_model
    assert run.trainer.processing_class is raw.tokenizer


@fixes("step-api-positions", create_ppo_trainer)
def what_is_missing_is_built(raw):
    with pytest.warns(UserWarning, match="no reward_model was passed"):
        run = OurRun(raw, name=raw.model_name, reward_model=None)
    assert next(run.trainer.reward_model.parameters()).numel() > 0
    assert run.train().weights.moved(run.value_model)


@fixes("train-api-options", create_ppo_config)
def the_same_options_train(raw):
    config = create_ppo_config(total_episodes=2, num_ppo_epochs=1, output_dir=str(raw.output_dir))
    assert (config.steps, config.ppo_epochs) == (2, 1)
    config = config_of(raw, total_episodes=2, num_ppo_epochs=1)
    OurRun(raw, config=config).train()


@fixes("peft-config-not-taken", create_ppo_trainer)
def the_adapter_alone_is_trained(raw):
    run = OurRun(raw, train=raw.has_train, peft_config=raw.lora()).train()
    language_model = getattr(run.policy, "pretrained_model", run.policy)
    moved = run.weights.moved(language_model)
    assert moved
    assert all("lora_" in name for name in moved)


@fixes("imported-from-trl", create_ppo_trainer)
@fixes("experimental-ppo-not-there-yet", create_ppo_trainer)
def the_release_s_own_trainer_trains(raw):
    run = OurRun(raw).train()
    assert type(run.trainer) is raw.from_trl("PPOTrainer")


@fixes("checkpoint-with-metrics", create_ppo_trainer)
def the_checkpoint_holds_what_was_trained(raw):
    from transformers import AutoModelForCausalLM

    parts = raw.saved_at_the_end()
    parts["config"].output_dir = str(raw.output_dir / "ours")
    run = OurRun(raw, train=True, **parts).train()
    (folder,) = (raw.output_dir / "ours").glob("checkpoint-*")
    saved = dict(AutoModelForCausalLM.from_pretrained(folder).named_parameters())
    assert all(weight.equal(saved[name]) for name, weight in run.policy.named_parameters())


@fixes("optimizer-classes-not-set", create_ppo_trainer)
def it_trains_without_a_workaround(raw):
    run = OurRun(raw, train=True)
    assert not hasattr(type(run.trainer), "optimizer_cls_and_kwargs")
    run.train()


@fixes("batch-size-mismatch", run_ppo)
def each_update_has_a_whole_batch(raw):
    run = OurRun(raw, train_dataset=raw.prompts().select(range(3)))  # one and a half of them
    assert [len(texts) for texts in run.train(updates=3).texts] == [2, 2, 2]


@fixes("responses-too-short", run_ppo)
def a_response_has_two_tokens_at_least(raw):
    import torch

    policy, eos = raw.policy(), raw.tokenizer.eos_token_id
    with torch.no_grad():  # it answers with the end of text and nothing else
        policy.transformer.ln_f.weight.zero_()
        policy.transformer.ln_f.bias.copy_(1000 * policy.transformer.wte.weight[eos])
    prompt = torch.tensor(raw.prompts()["input_ids"][:1])
    assert policy.generate(prompt, max_new_tokens=4, eos_token_id=eos)[0, len(prompt[0]) :].tolist() == [eos]
    run = OurRun(raw, model=policy)
    step, lengths = run.trainer.step, []

    def watched(queries, responses, scores):
        lengths.extend(map(len, responses))
        return step(queries, responses, scores)

    run.trainer.step = watched
    run.train()
    assert len(lengths) == 2
    assert min(lengths) >= 2


@fixes("list-of-prompts-to-generate", run_ppo)
def prompts_are_generated_from_one_by_one(raw):
    run = OurRun(raw).train()
    assert len(run.texts[0]) == 2
    assert start_with_prompts(run.texts[0], raw.prompts(), raw.tokenizer)


@fixes("collections-mapping", create_ppo_trainer)
def it_trains_on_this_python(raw):
    OurRun(raw).train()
    assert not hasattr(collections, "Mapping"), "nothing else sees the fix"
