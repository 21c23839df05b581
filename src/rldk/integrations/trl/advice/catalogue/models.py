"""Failures caused by the models of a PPO setup."""

from __future__ import annotations

from rldk.integrations.trl.advice.catalogue.failure import OUT_OF_RANGE, ROW_OF_THE_MATRIX, Failure

_TRL = "https://github.com/huggingface/trl/issues"

MODEL_FAILURES: tuple[Failure, ...] = (
    Failure(
        id="wrapper-without-generation-config",
        message=r"'\w+WithValueHead' object has no attribute 'generation_config'",
        releases=">=0.9.2,<1.13",
        cause="the train API reads generation_config of the policy, but a value-head wrapper does not have it",
        advice="create the trainer with create_ppo_trainer, or fix the wrapper with fix_generation_config",
        link=f"{_TRL}/2340",
        found=True,
        fixed_by="fix_generation_config",
    ),
    Failure(
        id="wrapper-output-without-logits",
        message=r"'tuple' object has no attribute 'logits'",
        releases=">=0.9.2,<0.22",
        cause="the train API reads .logits of the policy's output, but a value-head wrapper returns a tuple",
        advice="create the trainer with create_ppo_trainer, or fix the wrapper with fix_generation_config",
        link=f"{_TRL}/2718",
        found=True,
        fixed_by="fix_generation_config",
    ),
    Failure(
        id="wrapper-without-gradient-checkpointing-flag",
        message=r"'\w+WithValueHead' object has no attribute 'is_gradient_checkpointing'",
        releases=">=0.22,<1.13",
        cause="the train API reads is_gradient_checkpointing of the policy, but a value-head wrapper does not have it",
        advice="create the trainer with create_ppo_trainer, or fix the wrapper with fix_generation_config",
        link=f"{_TRL}/2718",
        found=True,
        fixed_by="fix_generation_config",
    ),
    Failure(
        id="wrapper-without-a-model-s-method",
        message=r"'\w+WithValueHead' object has no attribute "
        r"'(?!generation_config|is_gradient_checkpointing|base_model_prefix|is_peft_model|score)\w+",
        releases=">=0.2,<1.13",
        cause="a value-head wrapper has only some of the methods and attributes of the model in it",
        advice="ask the model in it: wrapper.pretrained_model.resize_token_embeddings(n), for example",
        link=ROW_OF_THE_MATRIX,
        found=False,
    ),
    Failure(
        id="scorer-without-base-model-prefix",
        message=r"'(?!NoneType|object|DeepSpeedEngine)(?:\w+|<[^<>]{1,60}>)' "
        r"object has no attribute 'base_model_prefix'",
        releases=">=0.9.2,<1.13",
        cause="the train API uses base_model_prefix to find the backbone of the reward and value models, but a "
        "value-head wrapper or a plain module does not have it",
        advice="fix the wrapper with fix_generation_config, or use a sequence classifier with num_labels=1",
        link=f"{_TRL}/1977",
        found=True,
        fixed_by="fix_generation_config",
    ),
    Failure(
        id="scorer-without-score",
        message=r"'\w+' object has no attribute 'score'",
        releases=">=0.9.2,<1.13",
        cause="the train API reads .score of the reward and value models, but a causal language model, or a "
        "classifier with another name for its head, does not have it",
        advice="use AutoModelForSequenceClassification of a decoder with num_labels=1, or a value-head wrapper fixed "
        "with fix_generation_config, or pass a reward function to create_ppo_trainer",
        link=f"{_TRL}/2718",
        found=True,
    ),
    Failure(
        id="value-model-none",
        message=r"'NoneType' object has no attribute '(modules|base_model_prefix)'",
        releases=">=0.9.2,<1.13",
        cause="the trainer fails if value_model is None, even where its signature makes value_model optional",
        advice="let create_ppo_trainer build the value model",
        link=f"{_TRL}/1976",
        found=True,
        fixed_by="create_ppo_trainer",
    ),
    Failure(
        id="reference-model-none",
        message=r"'NoneType' object has no attribute 'modules'",
        releases=">=0.9.2,<0.13",
        cause="the reference model is None, and this release's trainer does not create one",
        advice="create the trainer with create_ppo_trainer, or pass a copy of the policy",
        link=f"{_TRL}/2353",
        found=True,
        fixed_by="create_ppo_trainer",
    ),
    Failure(
        id="reference-is-the-policy",
        message=r"`ref_(?:model|policy)` cannot be the same object|cannot be the same object\. If you want `ref_",
        releases=">=0.11,<1.13",
        cause="the policy and the reference model are the same object, so the KL between them would always be 0",
        advice="pass a copy of the policy, or None if you use create_ppo_trainer",
        link=f"{_TRL}/2046",
        found=True,
        only_trl=True,
    ),
    Failure(
        id="function-as-reward-model",
        message=r"'(?!NoneType|object)\w+' object has no attribute 'modules'",
        releases=">=0.9.2,<1.13",
        cause="a function was passed as the reward model, but the train API needs a module",
        advice="pass the function to create_ppo_trainer, which adapts it",
        link=f"{_TRL}/2273",
        found=True,
        fixed_by="create_ppo_trainer",
    ),
    Failure(
        id="scorer-with-two-labels",
        message=r"The size of tensor a \(\d+\) must match the size of tensor b \(\d+\)(?! at non-singleton dimension "
        r"[01])|output with shape \[\d+\] doesn't match the broadcast shape",
        releases=">=0.9.2,<1.13",
        cause="the reward or value model has more than one label, but PPO needs one score per text or one value per "
        "token",
        advice="load it with num_labels=1; the default of transformers is 2",
        link=f"{_TRL}/3269",
        found=True,
    ),
    Failure(
        id="policy-with-gradient-checkpointing",
        message=r"'PolicyAndValueWrapper' object has no attribute 'gradient_checkpointing_(?:dis|en)able'",
        releases=">=0.22,<1.0",
        cause="the policy has gradient checkpointing on, and TRL calls a method that its module of policy and value "
        "model does not have: 'PolicyAndValueWrapper' object has no attribute 'gradient_checkpointing_disable'",
        advice="create the trainer with create_ppo_trainer, turn gradient checkpointing off before training, or use "
        "TRL 1.0.0 or newer",
        link=f"{_TRL}/4954",
        found=True,
        fixed_by="create_ppo_trainer",
    ),
    Failure(
        id="reward-model-of-another-vocabulary",
        message=OUT_OF_RANGE,
        releases=">=0.9.2,<1.13",
        cause="the reward or value model receives the policy's token ids, but has a smaller vocabulary than the "
        "policy",
        advice="use a model with the policy's tokenizer, or pass a function of texts that calls the model to "
        "create_ppo_trainer",
        link=f"{_TRL}/3595",
        found=True,
    ),
    Failure(
        id="peft-model-with-peft-config",
        message=r"You passed a `PeftModel` instance together with a `peft_config`",
        releases=">=0.27,<1.13",
        requires=("peft",),
        cause="the policy already is a PeftModel, and peft_config was passed too",
        advice="pass one of the two: the PeftModel, or its base model with peft_config",
        link=ROW_OF_THE_MATRIX,
        found=False,
    ),
    Failure(
        id="plain-model-in-the-step-api",
        message=r"model must be a PreTrainedModelWrapper",
        releases=">=0.2,<0.12",
        cause="the policy or the reference model is not a value-head wrapper, which the step API requires",
        advice="create the trainer with create_ppo_trainer, which wraps it and keeps the weights",
        link=ROW_OF_THE_MATRIX,
        found=True,
        fixed_by="create_ppo_trainer",
    ),
    Failure(
        id="wrapper-from-its-constructor",
        message=r"'\w+WithValueHead' object has no attribute 'is_peft_model'",
        releases=">=0.4.7,<0.12",
        cause="the value-head wrapper was created by its constructor, which does not set is_peft_model; the step API "
        "reads it",
        advice="create the wrapper with from_pretrained(model), or fix it with fix_generation_config",
        link=f"{_TRL}/858",
        found=True,
        fixed_by="create_ppo_trainer",
    ),
    Failure(
        id="model-without-language-model-head",
        message=r"The model does not have a language model head",
        releases=">=0.2,<0.13",
        requires=("transformers<4.52",),  # with newer ones it fails earlier
        cause="the value-head wrapper was given a model without a language model head that TRL knows by name: lm_head "
        "or embed_out",
        advice="load the model with AutoModelForCausalLM, or with prepare_models_for_ppo",
        link=f"{_TRL}/858",
        found=False,
    ),
    Failure(
        id="wrapper-of-a-model-that-cannot-generate",
        message=r"'\w+' object has no attribute 'prepare_inputs_for_generation'",
        releases=">=0.4,<1.13",
        requires=("transformers>=4.52",),  # every model before had the method
        cause="the value-head wrapper was given a model without a language model head, so it cannot generate",
        advice="load the model with AutoModelForCausalLM, or with prepare_models_for_ppo",
        link=f"{_TRL}/858",
        found=False,
    ),
    Failure(
        id="value-head-without-hidden-size",
        message=r"UnboundLocalError: [\s\S]{0,60}\bhidden_size\b"
        r"|cannot access local variable 'hidden_size'|local variable 'hidden_size' referenced before assignment",
        releases=">=0.7.3,<1.6",
        cause="the value head reads hidden_size of the model's config, and a multimodal config has it in text_config",
        advice="set it before the value head is made: config.hidden_size = config.text_config.hidden_size, or use TRL "
        "1.6.0 or newer",
        link=f"{_TRL}/3546",
        found=False,
    ),
    Failure(
        id="value-head-of-another-size",
        message=r"loading state_dict for \w+WithValueHead: [\s\S]{0,400}?size mis",
        releases=">=0.2,<1.13",
        cause="the weights that are loaded into the value-head wrapper belong to a model of another size or "
        "architecture",
        advice="load them into a wrapper of the model that they were trained with",
        link="https://github.com/hiyouga/LlamaFactory/issues/2181",
        found=False,
    ),
    Failure(
        id="wrapper-weights-without-prefix",
        message=r"loading state_dict for \w+WithValueHead: [\s\S]{0,400}?Missing key\(s\) in state_dict: "
        r"'pretrained_model\.",
        releases=">=0.2,<1.13",
        cause="the state_dict() of a value-head wrapper leaves out the prefix 'pretrained_model.' that "
        "load_state_dict() expects",
        advice="put 'pretrained_model.' before each key that does not start with 'v_head', or save and load with "
        "save_ppo_checkpoint and load_ppo_checkpoint",
        link=f"{_TRL}/865",
        found=False,
    ),
    Failure(
        id="policy-with-nan",
        message=r"probability tensor contains either 'inf', 'nan' or element < 0",
        releases=">=0.2,<1.13",
        cause="the policy's logits have NaN or infinite values: its weights are damaged, half precision overflowed, "
        "or padded prompts are wrong for this model",
        advice="check the weights with torch.isfinite; then try bfloat16 or float32 instead of float16 or int8, and a "
        "batch of one prompt",
        link=f"{_TRL}/1941",
        found=False,
    ),
)
