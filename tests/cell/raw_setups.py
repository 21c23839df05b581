"""Setups of PPO with one wrong part, under our names of the parts: each is one failure of the catalogue."""

from __future__ import annotations

from types import SimpleNamespace

from raw_registry import PPO, STEP, TRAIN, setup


@setup("wrapper-without-generation-config", PPO)
def wrapper_as_policy(raw):
    return {"model": raw.wrapper()}


@setup("wrapper-without-gradient-checkpointing-flag", TRAIN)
@setup("wrapper-output-without-logits", TRAIN)
def wrapper_with_a_generation_config(raw):
    policy = raw.wrapper()
    policy.generation_config = policy.pretrained_model.generation_config
    return {"model": policy}


@setup("scorer-without-base-model-prefix", TRAIN)
def wrapper_as_value_model(raw):
    return {"value_model": raw.wrapper()}


@setup("scorer-without-score", TRAIN)
def causal_model_as_reward_model(raw):
    return {"reward_model": raw.policy()}


@setup("value-model-none", TRAIN)
def no_value_model(raw):
    return {"value_model": None}


@setup("reference-model-none", PPO)
def no_reference_model(raw):
    return {"ref_model": None}


@setup("reference-is-the-policy", TRAIN)
def reference_is_the_policy(raw):
    policy = raw.policy()
    return {"model": policy, "ref_model": policy}


@setup("function-as-reward-model", TRAIN)
def function_as_reward_model(raw):
    return {"reward_model": lambda texts: [1.0 for _ in texts]}


@setup("scorer-with-two-labels", TRAIN)
def value_model_with_two_labels(raw):
    from transformers import AutoModelForSequenceClassification

    return {"value_model": AutoModelForSequenceClassification.from_pretrained(raw.model_name, num_labels=2)}


@setup("policy-with-gradient-checkpointing", TRAIN)
def policy_with_gradient_checkpointing(raw):
    policy = raw.policy()
    policy.gradient_checkpointing_enable()
    return {"model": policy}


@setup("reward-model-of-another-vocabulary", TRAIN)
def reward_model_of_another_vocabulary(raw):
    reward = raw.classifier()
    reward.resize_token_embeddings(16)
    return {"reward_model": reward}


@setup("plain-model-in-the-step-api", STEP, api="step")
def plain_model_in_the_step_api(raw):
    return {"model": raw.policy()}


@setup("wrapper-from-its-constructor", STEP, api="step")
def wrapper_from_its_constructor(raw):
    return {"model": type(raw.wrapper())(raw.policy())}


@setup("tokenizer-without-pad-token", PPO)
def tokenizer_without_pad_token(raw):
    tokenizer = raw.new_tokenizer()
    tokenizer.pad_token = None
    return {"tokenizer": tokenizer}


@setup("pad-token-without-embedding", PPO, api="step")
def pad_token_without_embedding(raw):
    tokenizer = raw.new_tokenizer()
    tokenizer.add_special_tokens({"pad_token": "[PAD]"})
    return {"tokenizer": tokenizer}


@setup("string-columns", TRAIN)
def string_columns(raw):
    prompts = raw.prompts()
    return {"train_dataset": prompts.add_column("query", ["text"] * len(prompts))}


@setup("prompts-not-tokenized", TRAIN)
def prompts_not_tokenized(raw):
    from datasets import Dataset

    return {"train_dataset": Dataset.from_dict({"query": ["text"] * 4})}


@setup("sample-completions-without-eval-dataset", TRAIN)
def sample_completions_without_eval_dataset(raw):
    return {"config": raw.train_config(num_sample_generations=1)}


@setup("streaming-dataset", PPO)
def streaming_dataset(raw):
    return {"train_dataset": raw.stream()}


@setup("mini-batches-do-not-divide-the-batch", TRAIN)
def mini_batches_that_do_not_divide_the_batch(raw):
    return {"config": raw.train_config(num_mini_batches=4), "train_dataset": raw.prompts(times=4)}


@setup("minibatch-too-small-to-whiten", TRAIN)
def minibatch_too_small_to_whiten(raw):
    return {"config": raw.train_config(whiten_rewards=True)}


@setup("config-of-another-class", PPO)
def config_of_another_class(raw):
    from transformers import TrainingArguments

    if raw.is_in("<0.9.2"):  # step API only; there TrainingArguments may want a newer accelerate than TRL does
        return {"config": SimpleNamespace(learning_rate=1e-5, seed=0)}
    return {"config": TrainingArguments(output_dir=str(raw.output_dir), report_to="none", bf16=False)}


@setup("dataset-smaller-than-a-batch", TRAIN)
def too_few_prompts(raw):
    return {"train_dataset": raw.prompts().select(range(1))}
