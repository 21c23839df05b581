"""Failures of code that was written for another release's PPO."""

from __future__ import annotations

from rldk.integrations.trl.advice.catalogue.failure import ROW_OF_THE_MATRIX, Failure

_TRL = "https://github.com/huggingface/trl/issues"
# Options that only one of the two APIs' configs has, and that code written for it is likely to set.
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
_STEP_METHODS = (
    "generate|step|log_stats|_?save_pretrained|kl_ctl|gather_stats|compute_rewards|batched_forward_pass|"
    "prepare_dataloader|current_device"
)
# Python before 3.10 leaves the class out.
_CONFIG = r"(?:PPO(?:v2)?Config\.|(?<![\w.]))__init__\(\)"

CODE_FAILURES: tuple[Failure, ...] = (
    Failure(
        id="step-api-calls",
        message=rf"'PPO(?:v2)?Trainer' object has no attribute '(?:{_STEP_METHODS})'",
        releases=">=0.12,<1.13",
        cause="code for the step API calls methods that the train API's trainer does not have: 'PPOTrainer' object "
        "has no attribute 'generate' or 'step'",
        advice="run updates with run_ppo, or pin 'trl<0.12'",
        link=f"{_TRL}/3250",
        found=True,
        fixed_by="run_ppo",
    ),
    Failure(
        id="step-api-arguments",
        message=r"(?:PPOTrainer\.|(?<![\w.]))__init__\(\) got an unexpected keyword argument "
        r"'(?:config|model|ref_model|tokenizer|dataset|optimizer|num_shared_layers|lr_scheduler)'",
        releases=">=0.12,<1.13",
        cause="the train API's constructor uses different parameter names from the step API's",
        advice="create the trainer with create_ppo_trainer, which takes the same names on every release",
        link=f"{_TRL}/2340",
        found=False,
        fixed_by="create_ppo_trainer",
    ),
    Failure(
        id="step-api-positions",
        message=r"(?:PPOTrainer\.|(?<![\w.]))__init__\(\) missing \d+ required positional arguments?: [^()]{0,200}?'"
        r"(?:reward_model|train_dataset|value_model)'",
        releases=">=0.12,<1.13",
        cause="the constructor was called as in the step API, without the reward model, the prompts or the value "
        "model that the train API's trainer needs",
        advice="create the trainer with create_ppo_trainer, which builds what is missing",
        link=f"{_TRL}/2613",
        found=False,
        fixed_by="create_ppo_trainer",
    ),
    Failure(
        id="step-api-options",
        message=rf"{_CONFIG} got an unexpected keyword argument '(?:{_STEP_OPTIONS})'",
        releases=">=0.12,<1.13",
        cause="the option belongs to the step API's config, and the train API's config has another name for it or "
        "does not have it",
        advice="create the config with create_ppo_config, which takes the same names on every release and reports "
        "unsupported options",
        link=f"{_TRL}/2314",
        found=True,
    ),
    Failure(
        id="train-api-options",
        message=rf"{_CONFIG} got an unexpected keyword argument '(?:{_TRAIN_OPTIONS})'",
        releases=">=0.2,<0.12",
        cause="the option belongs to the train API's config, but the installed release has the step API",
        advice="create the config with create_ppo_config, which takes the train API's names on every release",
        link=f"{_TRL}/2314",
        found=False,
        fixed_by="create_ppo_config",
    ),
    Failure(
        id="peft-config-not-taken",
        message=r"(?:PPO(?:v2)?Trainer\.|(?<![\w.]))__init__\(\) got an unexpected keyword argument 'peft_config'",
        releases=">=0.2,<0.13",
        cause="the constructor takes peft_config only from 0.13.0 on",
        advice="create the trainer with create_ppo_trainer, which adds the adapter, or use TRL 0.13.0 or newer",
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
        advice="import them from trl.experimental.ppo",
        link=f"{_TRL}/5051",
        found=True,
        fixed_by="create_ppo_trainer",
    ),
    Failure(
        id="experimental-ppo-not-there-yet",
        message=r"No module named 'trl\.experimental(?:\.ppo)?'",
        releases="<0.26",
        cause="the module trl.experimental.ppo was added in 0.26.0",
        advice="import from trl, or create config and trainer with create_ppo_config and create_ppo_trainer",
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
        cause="saving a checkpoint fails (until 0.11.4 in PPOv2Trainer, in later releases at the end of training), "
        "because transformers 4.47 removed an argument that TRL passes: _save_checkpoint() got an unexpected keyword "
        "argument 'metrics'",
        advice="create the trainer with create_ppo_trainer, which fixes it",
        link="https://github.com/huggingface/trl/pull/3998",
        found=True,
        fixed_by="create_ppo_trainer",
    ),
    Failure(
        id="optimizer-classes-not-set",
        message=r"'PPO(?:v2)?Trainer' object has no attribute 'optimizer_cls_and_kwargs'",
        releases=">=0.9.2,<0.12",
        requires=("transformers>=4.47",),
        cause="PPOv2Trainer does not set optimizer_cls_and_kwargs, which transformers reads from 4.47 on",
        advice="create the trainer with create_ppo_trainer, or pip install 'transformers<4.47'",
        link=ROW_OF_THE_MATRIX,
        found=False,
        fixed_by="create_ppo_trainer",
    ),
    Failure(
        id="trainer-without-tokenizer",
        message=r"'PPO(?:v2)?Trainer' object has no attribute 'tokenizer'",
        releases=">=0.12,<1.13",
        requires=("transformers>=5",),
        cause="the trainer's tokenizer is called processing_class, and transformers 5 removed the old name",
        advice="read trainer.processing_class",
        link="https://github.com/huggingface/trl/pull/2162",
        found=False,
    ),
    Failure(
        id="batch-size-mismatch",
        message=r"Batch size \(\d+\) does not match number of examples",
        releases=">=0.2,<0.12",
        cause="the number of queries, responses or scores passed to step() is not config.batch_size",
        advice="run updates with run_ppo, which passes whole batches",
        link=f"{_TRL}/148",
        found=False,
        fixed_by="run_ppo",
        only_trl=True,
    ),
    Failure(
        id="parent-directory-missing",
        message=r"Parent directory \S{1,300} does not exist",
        releases=">=0.4,<0.12",
        requires=("peft",),
        cause="a PEFT policy is saved to a folder that does not exist, and TRL writes to the folder before it "
        "creates it",
        advice="create the folder first, or save with save_ppo_checkpoint",
        link=ROW_OF_THE_MATRIX,
        found=False,
    ),
    Failure(
        id="responses-too-short",
        message=r"Responses are too short\. Make sure they are at least 4 tokens long",
        releases=">=0.2,<0.4.7",
        cause="a response of one token was passed to step(), which needs at least two, despite the message",
        advice="run updates with run_ppo, which generates at least two",
        link=ROW_OF_THE_MATRIX,
        found=False,
        fixed_by="run_ppo",
        only_trl=True,
    ),
    Failure(
        id="list-of-prompts-to-generate",
        message=r"'list' object has no attribute '(?:unsqueeze|shape|dim|ndim)'",
        releases=">=0.2,<0.4.2",
        cause="a list of prompts was passed to generate(), which takes one prompt before 0.4.2",
        advice="run updates with run_ppo, which generates one response at a time there",
        link=ROW_OF_THE_MATRIX,
        found=False,
        fixed_by="run_ppo",
    ),
    Failure(
        id="collections-mapping",
        message=r"module 'collections' has no attribute 'Mapping'",
        releases="==0.2.0",
        cause="the trainer flattens its config with collections.Mapping, which Python 3.10 removed",
        advice="create the trainer with create_ppo_trainer, or use TRL 0.2.1 or newer",
        link=f"{_TRL}/104",
        found=False,
        fixed_by="create_ppo_trainer",
    ),
)
