"""Failures of code that was written for another release's PPO."""

from __future__ import annotations

from rldk.integrations.trl.advice.catalogue.failure import ROW_OF_THE_MATRIX, Failure

_TRL = "https://github.com/huggingface/trl/issues"
# Options of one API's config that the other's does not have, as far as code that was moved between them names them.
_STEP_OPTIONS = (
    "model_name|query_dataset|reward_model|task_name|log_with|steps|ppo_epochs|forward_batch_size|init_kl_coef|"
    "adap_kl_ctrl|kl_penalty|target|horizon|target_kl|early_stopping|ratio_threshold|use_score_scaling|"
    "use_score_norm|score_clip|optimize_cuda_cache|optimize_device_cache|tracker_kwargs|accelerator_kwargs|"
    "project_kwargs|tracker_project_name|compare_steps|is_peft_model|is_encoder_decoder"
)
_TRAIN_OPTIONS = (
    "output_dir|total_episodes|num_ppo_epochs|num_train_epochs|kl_coef|kl_estimator|response_length|temperature|"
    "missing_eos_penalty|per_device_train_batch_size|num_mini_batches|local_rollout_forward_batch_size|report_to|"
    "stop_token|num_sample_generations|bf16|use_cpu"
)

CODE_FAILURES: tuple[Failure, ...] = (
    Failure(
        id="step-api-calls",
        message=r"'PPO(?:v2)?Trainer' object has no attribute '(?:generate|step|log_stats|save_pretrained)'",
        releases=">=0.12,<1.13",
        cause="code for the step API calls the train API's trainer: 'PPOTrainer' object has no attribute 'generate' "
        "or 'step'",
        advice="run updates with run_ppo, or pin 'trl<0.12'",
        link=f"{_TRL}/3250",
        found=True,
        fixed_by="run_ppo",
    ),
    Failure(
        id="step-api-arguments",
        message=r"PPOTrainer\.__init__\(\) got an unexpected keyword argument "
        r"'(?:config|model|ref_model|tokenizer|dataset|optimizer|num_shared_layers|lr_scheduler)'",
        releases=">=0.12,<1.13",
        cause="the constructor calls its parts by other names than the step API did",
        advice="make the trainer with create_ppo_trainer, which takes one set of names on every release",
        link=f"{_TRL}/2340",
        found=False,
        fixed_by="create_ppo_trainer",
    ),
    Failure(
        id="step-api-positions",
        message=r"PPOTrainer\.__init__\(\) missing \d+ required positional arguments?: [^\n]*'"
        r"(?:reward_model|train_dataset|value_model)'",
        releases=">=0.12,<1.13",
        cause="the constructor was called as the step API's, without the reward model, prompts or value model that "
        "the train API's trainer holds",
        advice="make the trainer with create_ppo_trainer, which builds what is missing",
        link=f"{_TRL}/2613",
        found=False,
        fixed_by="create_ppo_trainer",
    ),
    Failure(
        id="step-api-options",
        message=rf"PPOConfig\.__init__\(\) got an unexpected keyword argument '(?:{_STEP_OPTIONS})'",
        releases=">=0.12,<1.13",
        cause="the option is one of the step API's config, and the train API's has another name for it or none",
        advice="make the config with create_ppo_config, which takes one vocabulary and names what it cannot honour",
        link=f"{_TRL}/2314",
        found=True,
    ),
    Failure(
        id="train-api-options",
        message=rf"PPOConfig\.__init__\(\) got an unexpected keyword argument '(?:{_TRAIN_OPTIONS})'",
        releases=">=0.2,<0.12",
        cause="the option is one of the train API's config, and the installed release has the step API",
        advice="make the config with create_ppo_config, which takes the train API's names on every release",
        link=f"{_TRL}/2314",
        found=False,
        fixed_by="create_ppo_config",
    ),
    Failure(
        id="peft-config-not-taken",
        message=r"PPO(?:v2)?Trainer\.__init__\(\) got an unexpected keyword argument 'peft_config'",
        releases=">=0.2,<0.13",
        cause="the constructor takes peft_config from 0.13.0 on",
        advice="make the trainer with create_ppo_trainer, which puts the adapter on, or use TRL 0.13.0 or newer",
        link=ROW_OF_THE_MATRIX,
        found=False,
        fixed_by="create_ppo_trainer",
    ),
    Failure(
        id="imported-from-trl",
        message=r"cannot import name '(?:PPO(?:Trainer|Config)|AutoModelFor\w+WithValueHead)' from 'trl'"
        r"|module '?trl'? has no attribute '?PPO(?:Trainer|Config)",
        releases=">=0.29,<1.13",
        cause="PPOTrainer, PPOConfig and the value heads are no longer in `trl`: cannot import name 'PPOTrainer'",
        advice="import it from trl.experimental.ppo",
        link=f"{_TRL}/5051",
        found=True,
        fixed_by="create_ppo_trainer",
    ),
    Failure(
        id="experimental-ppo-not-there-yet",
        message=r"No module named 'trl\.experimental(?:\.ppo)?'",
        releases="<0.26",
        cause="trl.experimental.ppo came in 0.26.0",
        advice="import from trl, or make config and trainer with create_ppo_config and create_ppo_trainer",
        link=f"{_TRL}/5051",
        found=True,
        fixed_by="create_ppo_trainer",
    ),
    Failure(
        id="ppo-deleted",
        message=r"No module named 'trl\.experimental\.ppo'"
        r"|cannot import name '(?:PPO(?:Trainer|Config)|AutoModelFor\w+WithValueHead)' from 'trl'"
        r"|module '?trl'? has no attribute '?PPO(?:Trainer|Config)",
        releases=">=1.13",
        cause="PPO and the value heads were deleted in 1.13.0",
        advice="pip install 'trl<1.13', or use GRPOTrainer or RLOOTrainer",
        link="https://github.com/huggingface/trl/pull/7020",
        found=True,
    ),
    Failure(
        id="checkpoint-with-metrics",
        message=r"_save_checkpoint\(\) got an unexpected keyword argument 'metrics'",
        releases=">=0.10.1,<0.23",
        requires=("transformers>=4.47",),
        cause="a checkpoint (until 0.11.4: PPOv2Trainer's; since: one saved as training ends) is given metrics, which "
        "transformers took away: _save_checkpoint() got an unexpected keyword argument 'metrics'",
        advice="make the trainer with create_ppo_trainer, which mends it",
        link="https://github.com/huggingface/trl/pull/3998",
        found=True,
        fixed_by="create_ppo_trainer",
    ),
    Failure(
        id="optimizer-classes-not-set",
        message=r"'PPO(?:v2)?Trainer' object has no attribute 'optimizer_cls_and_kwargs'",
        releases=">=0.9.2,<0.12",
        requires=("transformers>=4.47",),
        cause="PPOv2Trainer does not set optimizer_cls_and_kwargs, which transformers reads since 4.47",
        advice="make the trainer with create_ppo_trainer, or pip install 'transformers<4.47'",
        link=ROW_OF_THE_MATRIX,
        found=False,
        fixed_by="create_ppo_trainer",
    ),
    Failure(
        id="trainer-without-tokenizer",
        message=r"'PPO(?:v2)?Trainer' object has no attribute 'tokenizer'",
        releases=">=0.12,<1.13",
        requires=("transformers>=5",),
        cause="the trainer's tokenizer is called processing_class, and transformers 5 took the old name away",
        advice="read trainer.processing_class",
        link="https://github.com/huggingface/trl/pull/2162",
        found=False,
    ),
    Failure(
        id="batch-size-mismatch",
        message=r"Batch size \(\d+\) does not match number of examples",
        releases=">=0.2,<0.12",
        cause="step() was given another number of queries, responses or scores than config.batch_size",
        advice="run updates with run_ppo, which gives it whole batches",
        link=f"{_TRL}/148",
        found=False,
        fixed_by="run_ppo",
    ),
    Failure(
        id="parent-directory-missing",
        message=r"Parent directory [^\n]* does not exist",
        releases=">=0.4,<0.12",
        requires=("peft",),
        cause="a PEFT policy is saved to a folder that is not there, which TRL makes only after it wrote to it",
        advice="make the folder first, or save with save_ppo_checkpoint",
        link=ROW_OF_THE_MATRIX,
        found=False,
    ),
    Failure(
        id="responses-too-short",
        message=r"Responses are too short\. Make sure they are at least 4 tokens long",
        releases=">=0.2,<0.4.7",
        cause="a response of one token was given to step(), which wants two despite the message",
        advice="run updates with run_ppo, which generates two at least",
        link=ROW_OF_THE_MATRIX,
        found=False,
        fixed_by="run_ppo",
    ),
    Failure(
        id="list-of-prompts-to-generate",
        message=r"'list' object has no attribute '(?:unsqueeze|shape|dim|ndim)'",
        releases=">=0.2,<0.4.2",
        cause="generate() takes one prompt before 0.4.2, and was given a list",
        advice="run updates with run_ppo, which generates one by one there",
        link=ROW_OF_THE_MATRIX,
        found=False,
        fixed_by="run_ppo",
    ),
    Failure(
        id="collections-mapping",
        message=r"module 'collections' has no attribute 'Mapping'",
        releases="==0.2.0",
        cause="the trainer flattens its config with collections.Mapping, which Python 3.10 took away",
        advice="make the trainer with create_ppo_trainer, or use TRL 0.2.1 or newer",
        link=f"{_TRL}/104",
        found=False,
        fixed_by="create_ppo_trainer",
    ),
)
