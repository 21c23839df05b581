"""For each entry of the catalogue, messages as they were seen on real releases; paths are shortened."""

from __future__ import annotations

WRAPPER = "AutoModelForCausalLMWithValueHead"

CUDA_INDEX = "Indexing.cu:1284: indexSelectLargeIndex: Assertion `srcIndex < srcSelectDimSize` failed."

# 0.12.2, accelerate 1.2.1
NO_BATCH = (
    'Traceback (most recent call last):\n  File "trl/trainer/ppo_trainer.py", line 343, in train\n'
    '    queries = data["input_ids"].to(device)\n              ~~~~^^^^^^^^^^^^^\n'
    "TypeError: 'NoneType' object is not subscriptable\n"
)

POLICY_OF_DDP = "AttributeError: 'DistributedDataParallel' object has no attribute 'policy'"

# 0.12.2 and 1.12.0 unless the text says otherwise.
SAMPLES: dict[str, list[str]] = {
    "wrapper-without-generation-config": [
        f"AttributeError: '{WRAPPER}' object has no attribute 'generation_config'",
        "AttributeError: 'AutoModelForSeq2SeqLMWithValueHead' object has no attribute 'generation_config'",
    ],
    "wrapper-output-without-logits": ["AttributeError: 'tuple' object has no attribute 'logits'"],
    "wrapper-without-gradient-checkpointing-flag": [
        f"AttributeError: '{WRAPPER}' object has no attribute 'is_gradient_checkpointing'"
    ],
    "scorer-without-base-model-prefix": [
        f"AttributeError: '{WRAPPER}' object has no attribute 'base_model_prefix'",
        "AttributeError: 'RewardModel' object has no attribute 'base_model_prefix'",
    ],
    "scorer-without-score": [
        "AttributeError: 'GPT2LMHeadModel' object has no attribute 'score'",
        "AttributeError: 'DistilBertForSequenceClassification' object has no attribute 'score'",
    ],
    "value-model-none": [
        "AttributeError: 'NoneType' object has no attribute 'modules'",
        "AttributeError: 'NoneType' object has no attribute 'base_model_prefix'",
    ],
    "reference-model-none": ["AttributeError: 'NoneType' object has no attribute 'modules'"],
    "reference-is-the-policy": [
        "ValueError: `policy` and `ref_policy` cannot be the same object. If you want `ref_policy` to be the same as "
        "`policy`, you must mass a copy of it, or `None` if you use peft.",
        "ValueError: `model` and `ref_model` cannot be the same object. If you want `ref_model` to be the same as "
        "`model`, you must make a copy of it, or `None` if you use peft.",
    ],
    "function-as-reward-model": ["AttributeError: 'function' object has no attribute 'modules'"],
    "scorer-with-two-labels": [
        "RuntimeError: The size of tensor a (3) must match the size of tensor b (2) at non-singleton dimension 2",
        "RuntimeError: output with shape [2] doesn't match the broadcast shape [2, 2]",
    ],
    "policy-with-gradient-checkpointing": [
        "AttributeError: 'PolicyAndValueWrapper' object has no attribute 'gradient_checkpointing_disable'"
    ],
    "reward-model-of-another-vocabulary": ["IndexError: index out of range in self"],
    "peft-model-with-peft-config": [
        "ValueError: You passed a `PeftModel` instance together with a `peft_config` to the trainer. Please first "
        "merge and unload the existing adapter, save the resulting base model, and then pass that base model along "
        "with the new `peft_config` to the trainer."
    ],
    "plain-model-in-the-step-api": [
        "ValueError: model must be a PreTrainedModelWrapper, got <class 'transformers.models.gpt2.modeling_gpt2."
        "GPT2LMHeadModel'> - supported architectures are: (<class 'trl.models.modeling_value_head."
        f"{WRAPPER}'>,)"
    ],
    "wrapper-from-its-constructor": [  # 0.11.4
        f"AttributeError: '{WRAPPER}' object has no attribute 'is_peft_model'"
    ],
    "tokenizer-without-pad-token": [
        "ValueError: Asking to pad but the tokenizer does not have a padding token. Please select a token to use as "
        "`pad_token` `(tokenizer.pad_token = tokenizer.eos_token e.g.)` or add a new pad token via "
        "`tokenizer.add_special_tokens({'pad_token': '[PAD]'})`.",
        # 0.2.0
        "ValueError: You are attempting to pad samples but the tokenizer you are using (PreTrainedTokenizerFast) does "
        "not have a pad token.",
    ],
    "pad-token-without-embedding": ["IndexError: index out of range in self"],
    "string-columns": [
        "ValueError: too many dimensions 'str'",
        "ValueError: Unable to create tensor, you should probably activate truncation and/or padding with "
        "'padding=True' 'truncation=True' to have batched tensors with the same length. Perhaps your features "
        "(`query` in this case) have excessive nesting (inputs type `list` where type `int` is expected).",
    ],
    "prompts-not-tokenized": [
        "ValueError: You should supply an encoding or a list of encodings to this method that includes input_ids, but "
        "you provided ['query']"
    ],
    "sample-completions-without-eval-dataset": ["TypeError: object of type 'NoneType' has no len()"],
    "streaming-dataset": [
        "TypeError: object of type 'IterableDataset' has no len()",
        # 0.7.11
        "ValueError: DataLoader with IterableDataset: expected unspecified shuffle option, but got shuffle=True",
    ],
    "dataset-smaller-than-a-batch": [
        NO_BATCH,
        # 1.12.0, accelerate 1.14.0
        'Traceback (most recent call last):\n  File "trl/experimental/ppo/ppo_trainer.py", line 668, in train\n'
        "    data = next(iter_dataloader)\n           ^^^^^^^^^^^^^^^^^^^^^\n"
        '  File "trl/experimental/ppo/ppo_trainer.py", line 620, in repeat_generator\n    yield from dataloader\n'
        '  File "accelerate/data_loader.py", line 574, in __iter__\n    self.begin()\nKeyboardInterrupt\n',
    ],
    "mini-batches-do-not-divide-the-batch": [
        "ValueError: `batch_size` must be a multiple of `num_mini_batches`, inexact division: 2 / 4 = 0.5"
    ],
    "step-batch-not-divisible": [
        # 0.7.11
        "ValueError: `batch_size` must be a multiple of `mini_batch_size * gradient_accumulation_steps`, "
        "`batch_size`=3, `mini_batch_size * gradient_accumulation_steps`=2, inexact division: 3 / 2 = 1.5"
    ],
    "minibatch-too-small-to-whiten": ["AssertionError: Per-rank minibatch size 2 is insufficient for whitening"],
    "config-of-another-class": [
        "ValueError: config must be a PPOConfig, got <class 'transformers.training_args.TrainingArguments'>",
        "AttributeError: 'TrainingArguments' object has no attribute 'total_episodes'",
        "AttributeError: 'TrainingArguments' object has no attribute 'stop_token'",
        "AttributeError: 'TrainingArguments' object has no attribute 'model_adapter_name'",  # 0.13.0
    ],
    "bf16-without-accelerator": [
        "ValueError: Your setup doesn't support bf16/gpu. You need to assign use_cpu if you want to train the model "
        "on CPU"
    ],
    "logging-dir-removed": ["TypeError: PPOConfig.__init__() got an unexpected keyword argument 'logging_dir'"],
    "step-api-calls": [
        "AttributeError: 'PPOTrainer' object has no attribute 'generate'",
        "AttributeError: 'PPOTrainer' object has no attribute 'step'",
    ],
    "step-api-arguments": [
        "TypeError: PPOTrainer.__init__() got an unexpected keyword argument 'model'",
        "TypeError: PPOTrainer.__init__() got an unexpected keyword argument 'config'",
    ],
    "step-api-positions": [
        "TypeError: PPOTrainer.__init__() missing 2 required positional arguments: 'reward_model' and 'train_dataset'",
        "TypeError: PPOTrainer.__init__() missing 3 required positional arguments: 'reward_model', 'train_dataset', "
        "and 'value_model'",
    ],
    "step-api-options": ["TypeError: PPOConfig.__init__() got an unexpected keyword argument 'model_name'"],
    "train-api-options": ["TypeError: PPOConfig.__init__() got an unexpected keyword argument 'total_episodes'"],
    "peft-config-not-taken": [
        "TypeError: PPOTrainer.__init__() got an unexpected keyword argument 'peft_config'",
        "TypeError: PPOv2Trainer.__init__() got an unexpected keyword argument 'peft_config'",
    ],
    "imported-from-trl": [
        "ImportError: cannot import name 'PPOTrainer' from 'trl' (site-packages/trl/__init__.py)",
        "AttributeError: module trl has no attribute PPOTrainer",
    ],
    "experimental-ppo-not-there-yet": [
        "ModuleNotFoundError: No module named 'trl.experimental'",
        "ModuleNotFoundError: No module named 'trl.experimental.ppo'",
    ],
    "ppo-deleted": [
        "ModuleNotFoundError: No module named 'trl.experimental.ppo'",
        "ImportError: cannot import name 'PPOTrainer' from 'trl' (site-packages/trl/__init__.py)",
    ],
    "checkpoint-with-metrics": [
        "TypeError: Trainer._save_checkpoint() got an unexpected keyword argument 'metrics'",
    ],
    "optimizer-classes-not-set": [
        # 0.10.1 with transformers 5.23.0
        "AttributeError: 'PPOv2Trainer' object has no attribute 'optimizer_cls_and_kwargs'"
    ],
    "trainer-without-tokenizer": ["AttributeError: 'PPOTrainer' object has no attribute 'tokenizer'"],
    "batch-size-mismatch": ["ValueError: Batch size (2) does not match number of examples - but got 1 for: queries"],
    "parent-directory-missing": ["RuntimeError: Parent directory out/new/folder does not exist."],
    "responses-too-short": ["ValueError: Responses are too short. Make sure they are at least 4 tokens long."],
    "list-of-prompts-to-generate": ["AttributeError: 'list' object has no attribute 'unsqueeze'"],
    "collections-mapping": ["AttributeError: module 'collections' has no attribute 'Mapping'"],
    "top-k-top-p-filtering": [
        "ImportError: cannot import name 'top_k_top_p_filtering' from 'transformers' "
        "(site-packages/transformers/__init__.py)"
    ],
    "trackio-not-in-transformers": [
        "ImportError: cannot import name 'is_trackio_available' from 'transformers' "
        "(site-packages/transformers/__init__.py)"
    ],
    "peft-not-declared": ["NameError: name 'PeftConfig' is not defined"],
    "pyarrow-wants-numpy-2": ["ImportError: pyarrow requires NumPy 2.0 or newer, found 1.26.4"],
    "rich-not-declared": ["ModuleNotFoundError: No module named 'rich'"],
    "wrapper-without-a-model-s-method": [
        f"AttributeError: '{WRAPPER}' object has no attribute 'resize_token_embeddings'"
    ],
    "model-without-language-model-head": [
        "ValueError: The model does not have a language model head, please use a model that has one.",
    ],
    "wrapper-of-a-model-that-cannot-generate": [
        "AttributeError: 'GPT2Model' object has no attribute 'prepare_inputs_for_generation'",  # transformers 4.52
    ],
    "value-head-without-hidden-size": [
        "UnboundLocalError: cannot access local variable 'hidden_size' where it is not associated with a value",
        "UnboundLocalError: local variable 'hidden_size' referenced before assignment",  # Python before 3.11
    ],
    "value-head-of-another-size": [
        f"RuntimeError: Error(s) in loading state_dict for {WRAPPER}:\n\tsize mismatch for v_head.summary.weight: "
        f"copying "
        "a param with shape torch.Size([1, 7]) from checkpoint, the shape in current model is torch.Size([1, 32])."
    ],
    "wrapper-weights-without-prefix": [
        f"RuntimeError: Error(s) in loading state_dict for {WRAPPER}:\n\tMissing key(s) in state_dict: "
        '"pretrained_model.transformer.wte.weight", "pretrained_model.transformer.wpe.weight"'
    ],
    "policy-with-nan": ["RuntimeError: probability tensor contains either `inf`, `nan` or element < 0"],
    "text-longer-than-positions": ["IndexError: index out of range in self", CUDA_INDEX],
    "step-dataset-smaller-than-a-batch": ["TypeError: 'NoneType' object is not subscriptable"],
    # 0.4.6, 0.7.2
    "batch-of-prompts-to-generate": [
        "RuntimeError: shape '[-1, 4]' is invalid for input of size 2",
        "ValueError: query_tensor must be a tensor of shape (`seq_len`) or a list of tensors of shape (`seq_len`)",
    ],
    "step-wants-lists-of-tensors": ["ValueError: queries must be a list of tensors - got <class 'torch.Tensor'>"],
    "generation-as-a-dict": ["TypeError: 'in <string>' requires string as left operand, not int"],
    "empty-response": ["IndexError: index -1 is out of bounds for dimension 0 with size 0"],
    "tokenizer-not-given": [
        "ValueError: tokenizer must be a PreTrainedTokenizer or PreTrainedTokenizerFast, got <class 'NoneType'>",
        "ValueError: tokenizer must be a PreTrainedTokenizerBase like a PreTrainedTokenizer or a "
        "PreTrainedTokenizerFast, got <class 'NoneType'>",
    ],
    "subclass-without-response-masks": [
        "TypeError: Mine.batched_forward_pass() got an unexpected keyword argument 'response_masks'"
    ],
    "pkg-resources-removed": ["ModuleNotFoundError: No module named 'pkg_resources'"],
    "accelerator-made-after-the-config": [
        "ValueError: Please make sure to properly initialize your accelerator via `accelerator = Accelerator()` "
        "before using any functionality from the `accelerate` library."
    ],
    "no-sync-with-zero": [
        "AssertionError: no_sync context manager is incompatible with gradient partitioning logic of ZeRO stage 2"
    ],
    "trainer-without-deepspeed": [
        "AttributeError: 'PPOTrainer' object has no attribute 'deepspeed'",
        "AttributeError: 'PPOv2Trainer' object has no attribute 'deepspeed'",
    ],
    "zero3-save": [
        "AttributeError: 'GPT2LMHeadModel' object has no attribute 'zero_gather_16bit_weights_on_model_save'"
    ],
    "policy-config-as-deepspeed-config": ["AttributeError: 'GPT2Config' object has no attribute 'get'"],
    "policy-of-ddp-at-save": [POLICY_OF_DDP],
    "policy-of-ddp-without-reference": [POLICY_OF_DDP],
    "config-of-ddp-in-the-model-card": ["AttributeError: 'DistributedDataParallel' object has no attribute 'config'"],
    "tied-weights-in-safetensors": [
        "RuntimeError: \n            Some tensors share memory, this will lead to duplicate memory on disk and "
        "potential differences when loading them again: [{'module.policy.transformer.wte.weight', "
        "'module.policy.lm_head.weight'}"
    ],
    # torch 2.13
    "ddp-without-parameters-to-train": [
        "RuntimeError: DistributedDataParallel is not needed when a module doesn't have any parameter that requires a "
        "gradient."
    ],
}

OUT_OF_RANGE = {"reward-model-of-another-vocabulary", "pad-token-without-embedding", "text-longer-than-positions"}
TOO_FEW_PROMPTS = {"dataset-smaller-than-a-batch", "step-dataset-smaller-than-a-batch"}
# Messages that more than one entry ends in; which of them it is, the release or the setup tells.
SHARED: dict[str, set[str]] = {
    "AttributeError: 'NoneType' object has no attribute 'modules'": {"value-model-none", "reference-model-none"},
    "IndexError: index out of range in self": OUT_OF_RANGE,
    CUDA_INDEX: OUT_OF_RANGE,
    NO_BATCH: TOO_FEW_PROMPTS,
    "TypeError: 'NoneType' object is not subscriptable": TOO_FEW_PROMPTS,
    "ModuleNotFoundError: No module named 'trl.experimental.ppo'": {"experimental-ppo-not-there-yet", "ppo-deleted"},
    "ImportError: cannot import name 'PPOTrainer' from 'trl' (site-packages/trl/__init__.py)": {
        "imported-from-trl",
        "ppo-deleted",
    },
    "AttributeError: module trl has no attribute PPOTrainer": {"imported-from-trl", "ppo-deleted"},
    POLICY_OF_DDP: {"policy-of-ddp-at-save", "policy-of-ddp-without-reference"},
}
