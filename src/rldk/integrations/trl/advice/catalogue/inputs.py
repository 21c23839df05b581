"""Failures caused by the tokenizer, the prompts or the config of a PPO setup."""

from __future__ import annotations

from rldk.integrations.trl.advice.catalogue.failure import OUT_OF_RANGE, ROW_OF_THE_MATRIX, Failure

_TRL = "https://github.com/huggingface/trl/issues"

INPUT_FAILURES: tuple[Failure, ...] = (
    Failure(
        id="tokenizer-without-pad-token",
        message=r"Asking to pad but the tokenizer does not have a padding token"
        r"|You are attempting to pad samples but the tokenizer you are using .{0,200}?does not have a pad token",
        releases=">=0.2,<1.13",
        cause="the tokenizer has no pad token, which is needed to pad batches",
        advice="set a pad token that is not EOS, or load the tokenizer with prepare_models_for_ppo or "
        "create_ppo_trainer, which set one",
        link=f"{_TRL}/466",
        found=True,
        fixed_by="prepare_models_for_ppo",
    ),
    Failure(
        id="pad-token-without-embedding",
        message=OUT_OF_RANGE,
        releases=">=0.2,<0.12",
        cause="a pad token was added to the tokenizer, but the model has no embedding for it",
        advice="call model.resize_token_embeddings(len(tokenizer)), or load both with prepare_models_for_ppo",
        link=ROW_OF_THE_MATRIX,
        found=True,
        fixed_by="prepare_models_for_ppo",
    ),
    Failure(
        id="text-longer-than-positions",
        message=OUT_OF_RANGE,
        releases=">=0.2,<1.13",
        cause="a prompt with its response is longer than the model's table of positions (n_positions or "
        "max_position_embeddings)",
        advice="cut the prompts so that prompt and response fit",
        link=f"{_TRL}/1867",
        found=False,
    ),
    Failure(
        id="string-columns",
        message=r"too many dimensions 'str'|Unable to create tensor, you should probably activate truncation",
        releases=">=0.9.2,<1.13",
        cause="the dataset has string columns, which the train API's collator cannot convert to tensors",
        advice="keep only input_ids, or create the trainer with create_ppo_trainer, which drops the other columns",
        link=f"{_TRL}/2340",
        found=True,
        fixed_by="create_ppo_trainer",
    ),
    Failure(
        id="prompts-not-tokenized",
        message=r"You should supply an encoding or a list of encodings to this method that includes input_ids",
        releases=">=0.9.2,<1.13",
        cause="the dataset has no column input_ids",
        advice="tokenize the prompts into a column input_ids",
        link=f"{_TRL}/2340",
        found=True,
    ),
    Failure(
        id="sample-completions-without-eval-dataset",
        message=r"object of type 'NoneType' has no len\(\)",
        releases=">=0.9.2,<0.29",
        cause="the trainer generates sample completions from eval_dataset, but eval_dataset is None",
        advice="set num_sample_generations=0, or create the config with create_ppo_config or the trainer with "
        "create_ppo_trainer",
        link=ROW_OF_THE_MATRIX,
        found=True,
        fixed_by="create_ppo_trainer",
    ),
    Failure(
        id="streaming-dataset",
        message=r"object of type '\w*Iterable\w*' has no len\(\)"
        r"|DataLoader with IterableDataset: expected unspecified shuffle option",
        releases=">=0.2,<1.13",
        cause="the dataset is a streaming dataset, but PPO trainers read its length and shuffle it",
        advice="take as many prompts as the run needs: Dataset.from_list(list(stream.take(n)))",
        link=f"{_TRL}/350",
        found=True,
    ),
    Failure(
        id="dataset-smaller-than-a-batch",
        message=r"in repeat_generator[\s\S]{0,2000}?KeyboardInterrupt|'NoneType' object is not subscriptable",
        releases=">=0.9.2,<1.13",
        cause="the dataset has fewer prompts than one batch; the trainer drops the incomplete batch and then waits "
        "for a full one forever or, with accelerate up to 1.6, gets None",
        advice="use more prompts or a smaller batch",
        link=ROW_OF_THE_MATRIX,
        found=True,
    ),
    Failure(
        id="step-dataset-smaller-than-a-batch",
        message=r"'NoneType' object is not subscriptable",
        releases=">=0.3,<0.12",
        requires=("accelerate<1.7",),
        cause="the dataset, or one process's share, has fewer prompts than one batch, so the trainer's dataloader "
        "gives None instead of a batch",
        advice="use more prompts or a smaller batch",
        link=f"{_TRL}/577",
        found=False,
    ),
    Failure(
        id="mini-batches-do-not-divide-the-batch",
        message=r"`(?:local_)?batch_size` must be a multiple of `num_mini_batches`",
        releases=">=0.17,<1.13",
        cause="the batch, per_device_train_batch_size * gradient_accumulation_steps, is not a multiple of "
        "num_mini_batches; until 0.16.1 the batch included that factor",
        advice="change per_device_train_batch_size, gradient_accumulation_steps or num_mini_batches so that it is a "
        "multiple",
        link="https://github.com/huggingface/trl/pull/2531",
        found=True,
        only_trl=True,
    ),
    Failure(
        id="step-batch-not-divisible",
        message=r"`batch_size` must be a multiple of `(?:mini_batch_size \* )?gradient_accumulation_steps`",
        releases=">=0.6,<0.12",
        cause="the step API's batch_size is not a multiple of mini_batch_size * gradient_accumulation_steps",
        advice="create the config with create_ppo_config, which computes batch_size from the others",
        link=f"{_TRL}/1442",
        found=False,
        fixed_by="create_ppo_config",
        only_trl=True,
    ),
    Failure(
        id="minibatch-too-small-to-whiten",
        message=r"Per-rank minibatch size \d+ is insufficient for whitening",
        releases=">=0.9.2,<1.13",
        cause="a device's minibatch has fewer than 8 samples, the minimum for whiten_rewards",
        advice="turn whiten_rewards off, or raise per_device_train_batch_size",
        link=ROW_OF_THE_MATRIX,
        found=True,
        only_trl=True,
    ),
    Failure(
        id="config-of-another-class",
        message=r"config must be a PPOConfig, got"
        r"|'(?:\w*TrainingArguments|\w+Config|dict|NoneType)' object has no attribute "
        r"'(?:total_episodes|stop_token|num_mini_batches|num_ppo_epochs|kl_estimator|model_adapter_name)'",
        releases=">=0.2,<1.13",
        cause="the config is not a PPOConfig from the same module as the trainer",
        advice="create it with create_ppo_config",
        link=ROW_OF_THE_MATRIX,
        found=True,
        fixed_by="create_ppo_config",
    ),
    Failure(
        id="bf16-without-accelerator",
        message=r"Your setup doesn't support bf16/gpu",
        releases=">=0.19,<1.13",
        cause="PPOConfig() turns bf16 on by default, which fails without an accelerator, even with use_cpu=True",
        advice="create the config with create_ppo_config, or set bf16=False and use_cpu=True",
        link=f"{_TRL}/3515",
        found=True,
        fixed_by="create_ppo_config",
    ),
    Failure(
        id="logging-dir-removed",
        message=r"unexpected keyword argument 'logging_dir'",
        releases=">=0.12,<1.13",
        requires=("transformers>=5.15",),
        cause="transformers 5.15 removed logging_dir from TrainingArguments",
        advice="leave it out, or set the environment variable TENSORBOARD_LOGGING_DIR",
        link=ROW_OF_THE_MATRIX,
        found=True,
    ),
)
