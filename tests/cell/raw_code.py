"""Code that was written for another release's PPO: each is one failure of the catalogue."""

from __future__ import annotations

import importlib

from raw_program import WRAPPER
from raw_registry import PPO, STEP, TRAIN, code


@code("bf16-without-accelerator", ">=0.12,<1.13")
def config_as_it_is(raw):
    return raw.train_config(use_cpu=..., bf16=...)


@code("logging-dir-removed", ">=0.12,<1.13")
def logging_dir(raw):
    return raw.train_config(logging_dir=str(raw.output_dir))


@code("step-batch-not-divisible", ">=0.3,<0.12")
def step_batch_not_divisible(raw):
    return raw.step_config(batch_size=3, mini_batch_size=2)


@code("step-api-calls", PPO)
def step_api_calls(raw):
    trainer = raw.step_trainer() if raw.is_step else raw.train_trainer()
    return raw.step_queries(trainer)


@code("step-api-arguments", PPO)
def step_api_arguments(raw):
    config = raw.step_config() if raw.is_step else raw.train_config()
    models = {"model": raw.wrapper(), "ref_model": raw.wrapper()}
    return raw.from_trl("PPOTrainer")(config=config, **models, tokenizer=raw.tokenizer, dataset=raw.prompts())


@code("step-api-positions", PPO)
def step_api_positions(raw):
    config = raw.step_config() if raw.is_step else raw.train_config()
    return raw.from_trl("PPOTrainer")(config, raw.wrapper(), raw.wrapper(), raw.tokenizer)


@code("step-api-options", PPO)
def step_api_options(raw):
    return raw.from_trl("PPOConfig")(model_name="gpt2", learning_rate=1e-5)


@code("train-api-options", PPO)
def train_api_options(raw):
    options = {} if raw.is_step else {"bf16": False, "use_cpu": True}
    return raw.from_trl("PPOConfig")(total_episodes=2, num_ppo_epochs=1, output_dir=str(raw.output_dir), **options)


@code("peft-config-not-taken", PPO)
def peft_config_given(raw):
    return (raw.train_trainer if raw.has_train else raw.step_trainer)(peft_config=None)


@code("peft-model-with-peft-config", ">=0.13,<1.13")
def peft_model_with_a_peft_config(raw):
    from peft import get_peft_model

    policy = get_peft_model(raw.policy(), raw.lora())
    return raw.train_trainer(model=policy, ref_model=None, peft_config=raw.lora())


@code("parent-directory-missing", ">=0.4,<0.12")
def save_a_peft_policy_to_a_new_folder(raw):
    from peft import get_peft_model

    policy = raw.from_trl(WRAPPER).from_pretrained(get_peft_model(raw.policy(), raw.lora()))
    policy.save_pretrained(str(raw.output_dir / "new" / "folder"))


@code("imported-from-trl", PPO)
def imported_from_trl(raw):
    exec(f"from trl import PPOTrainer, {WRAPPER}", {})


@code("experimental-ppo-not-there-yet", ">=0.2")
@code("ppo-deleted", ">=0.2")
def imported_from_experimental(raw):
    importlib.import_module("trl.experimental.ppo")


@code("checkpoint-with-metrics", TRAIN)
def save_at_the_end(raw):
    return raw.train(**raw.saved_at_the_end())


@code("trainer-without-tokenizer", PPO)
def trainer_tokenizer(raw):
    return (raw.step_trainer() if raw.is_step else raw.train_trainer()).tokenizer


@code("batch-size-mismatch", STEP)
def batch_size_mismatch(raw):
    import torch

    trainer = raw.step_trainer()
    queries, responses = raw.step_queries(trainer)
    return trainer.step(queries[:1], responses[:1], [torch.tensor(1.0)])


@code("responses-too-short", STEP)
def responses_too_short(raw):
    return raw.step(lengths=(1, 6))


@code("list-of-prompts-to-generate", STEP)
def list_of_prompts_to_generate(raw):
    import torch

    queries = [torch.tensor(ids) for ids in raw.prompts()[:2]["input_ids"]]
    return raw.step_trainer().generate(queries, max_new_tokens=3)


@code("collections-mapping", STEP)
def trainer_as_it_is(raw):
    return raw.step_trainer()


@code("optimizer-classes-not-set", TRAIN)
def train_trainer_as_it_is(raw):
    return raw.train_trainer()
