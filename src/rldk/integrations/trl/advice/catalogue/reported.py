"""Failures that users reported and no test here reproduces: they need a GPU, or packages of another time.

They are advice only, and never counted as reproduced.
"""

from __future__ import annotations

from functools import partial

from rldk.integrations.trl.advice.catalogue.failure import Failure

_TRL = "https://github.com/huggingface/trl/issues"
_LLAMA_FACTORY = "https://github.com/hiyouga/LlamaFactory/issues"
_PPO = ">=0.2,<1.13"

_reported = partial(Failure, found=False, advice_only=True)

REPORTED_FAILURES: tuple[Failure, ...] = (
    _reported(
        id="tensors-on-two-devices",
        message=r"Expected all tensors to be on the same device|tensors? to be on the same device, but found",
        releases=_PPO,
        cause="one model is spread over several devices (device_map='auto'), or the models and prompts are on "
        "different ones",
        advice="put each model whole on one device per process: leave device_map out, or pass "
        "device_map={'': accelerator.process_index}",
        link=f"{_TRL}/1691",
    ),
    _reported(
        id="out-of-memory",
        message=r"CUDA out of memory|OutOfMemoryError|MPS backend out of memory|HIP out of memory",
        releases=_PPO,
        cause="the policy, the reference, reward and value models, the optimizer and a whole batch of rollouts do not "
        "fit",
        advice="see `python -m rldk_trl explain --symptom out-of-memory`",
        link=f"{_TRL}/3664",
    ),
    _reported(
        id="two-dtypes",
        message=r"expected scalar type (?:Float|Half|BFloat16) but found (?:Float|Half|BFloat16)"
        r"|expected m1 and m2 to have the same dtype|mat1 and mat2 must have the same dtype",
        releases=_PPO,
        cause="two parts of one model have different dtypes: an adapter or value head in float32 on a model in half "
        "precision, without autocast",
        advice="load all models with one dtype, or train with bf16=True or fp16=True",
        link=f"{_LLAMA_FACTORY}/551",
    ),
    _reported(
        id="adapter-cannot-be-disabled",
        message=r"object has no attribute 'disable_adapter(?:_layers)?'",
        releases=">=0.4,<1.13",
        requires=("peft",),
        cause="the trainer turns the adapter off to get the reference model, but this PEFT model, or one whose base "
        "model was unwrapped, cannot do that",
        advice="use a newer peft, and pass the PeftModel itself",
        link="https://github.com/huggingface/peft/issues/645",
    ),
    _reported(
        id="wrapper-not-picklable",
        message=r"Can't (?:get|pickle) local object '\w+WithValueHead\.post_init",
        releases=">=0.4.1,<1.13",
        cause="a value-head wrapper of a model that is spread over devices cannot be pickled, which worker processes "
        "on Windows need",
        advice="use no worker processes (dataloader_num_workers=0), or put the model on one device",
        link=f"{_LLAMA_FACTORY}/7232",
    ),
    _reported(
        id="accelerate-prepares-none",
        message=r"'NoneType' object has no attribute '_is_accelerate_prepared'",
        releases=">=0.2,<0.4.5",
        requires=("accelerate>=0.20,<0.21",),
        cause="the trainer passes None to accelerate's prepare(), and accelerate of June 2023 sets a mark on what it "
        "prepares",
        advice="use TRL 0.4.5 or newer, or another accelerate",
        link=f"{_TRL}/413",
    ),
    _reported(
        id="sum-without-an-axis",
        message=r"Please look up dimensions by name, got: name = None",
        releases=">=0.3,<0.4.1",
        requires=("torch<2",),
        cause="TRL sums with axis=None, which torch before 2.0 does not take",
        advice="use TRL 0.4.1 or newer, or torch 2",
        link=f"{_TRL}/240",
    ),
    _reported(
        id="log-stats-wants-an-answer",
        message=r"KeyError: 'answer'",
        releases="==0.7.0",
        requires=("wandb",),
        cause="log_stats() reads a column 'answer' of the batch when it reports to wandb",
        advice="use TRL 0.7.1 or newer",
        link=f"{_TRL}/708",
    ),
    _reported(
        id="nothing-requires-grad",
        message=r"element 0 of tensors does not require grad and does not have a grad_fn",
        releases=_PPO,
        cause="no trained weight is in the loss: the policy is frozen, or gradient checkpointing cuts an adapter off",
        advice="check that some parameter has requires_grad; with PEFT and gradient checkpointing, call "
        "enable_input_require_grads() of the base model",
        link=f"{_TRL}/1663",
    ),
    _reported(
        id="fp16-weights-with-a-scaler",
        message=r"Attempting to unscale FP16 gradients",
        releases=_PPO,
        cause="the trained weights themselves are float16, and mixed precision in fp16 needs them in float32",
        advice="load the model in float32, or train in bf16",
        link="https://github.com/Pillars-Creation/ChatGLM-RLHF-LoRA-RM-PPO/issues/5",
    ),
    _reported(
        id="another-trl-required",
        message=r"\btrl[<>=!~][<>=!~\d., ]{0,40}\bis required for a normal functioning of this module"
        r"|requires TRL version ?[<>=!~]|Incompatible TRL version",
        releases=">=0.2",
        cause="the program around TRL works only with the releases that it names, often those with the step API",
        advice="install the TRL that it names; `python -m rldk_trl changes OLD NEW` lists what a port has to change",
        link=f"{_LLAMA_FACTORY}/10757",
    ),
    _reported(
        id="import-of-trl-failed",
        message=r"Failed to import trl\.\S{1,80} because of the following error",
        releases=">=0.2",
        cause="a package that TRL imports could not be imported; the last line of the message names it, and the "
        "fault is there, not in TRL",
        advice="update or reinstall that package; after an upgrade inside a notebook, restart its runtime",
        link="https://github.com/KhoomeiK/LlamaGym/issues/18",
    ),
    _reported(
        id="unsloth-for-inference",
        message=r"FastLanguageModel\.for_inference\(model\)' before doing inference",
        releases=_PPO,
        cause="PPO generates while it trains, and Unsloth's models must be switched for each",
        advice="call FastLanguageModel.for_inference before generation and for_training after it, or use a newer "
        "Unsloth",
        link="https://github.com/unslothai/unsloth/issues/725",
    ),
    _reported(
        id="ratio-exceeds-the-threshold",
        message=r"average ratio of batch \([^)]{1,20}\) exceeds threshold",
        releases=">=0.4.7,<0.12",
        cause="the policy's probabilities moved too far from those of the rollout, so this minibatch was skipped",
        advice="see `python -m rldk_trl explain --symptom ratio-exceeds`",
        link=f"{_TRL}/1857",
        only_trl=True,
    ),
    _reported(
        id="kl-becomes-negative",
        message=r"KL divergence is starting to become negative",
        releases=">=0.4.2,<0.12",
        cause="the KL estimate is negative: the responses were not sampled from the policy's plain distribution",
        advice="see `python -m rldk_trl explain --symptom negative-kl`",
        link=f"{_TRL}/235",
        only_trl=True,
    ),
)
