"""Failures on several processes that users reported and no test here reproduces. They are advice only."""

from __future__ import annotations

from functools import partial

from rldk.integrations.trl.advice.catalogue.failure import Failure

_TRL = "https://github.com/huggingface/trl/issues"
_LLAMA_FACTORY = "https://github.com/hiyouga/LlamaFactory/issues"
_PPO = ">=0.2,<1.13"

_reported = partial(Failure, found=False, advice_only=True)

REPORTED_ON_SEVERAL_PROCESSES: tuple[Failure, ...] = (
    _reported(
        id="zero3-parameter-trace",
        message=r"pop from an empty deque",
        releases=_PPO,
        requires=("deepspeed",),
        cause="with DeepSpeed ZeRO-3, generation changes the order in which parameters are fetched, and DeepSpeed's "
        "trace no longer fits",
        advice="pip install 'deepspeed==0.15.4' (the reports name 0.15.3 and 0.15.4), or use ZeRO-2",
        link=f"{_TRL}/1618",
    ),
    _reported(
        id="zero3-partitioned-weights",
        message=r"'weight' must be 2-D|shape '\[0, [^\]]{0,40}\]' is invalid for input of size",
        releases=_PPO,
        requires=("deepspeed",),
        cause="with DeepSpeed ZeRO-3 a model is used while its weights are spread over the processes, so that each "
        "looks empty",
        advice="use ZeRO-2, or gather the weights around the call",
        link=f"{_LLAMA_FACTORY}/3446",
    ),
    _reported(
        id="peft-reference-with-deepspeed",
        message=r"'NoneType' object has no attribute 'pretrained_model'",
        releases=">=0.4,<0.4.2",
        requires=("peft", "deepspeed"),
        cause="with PEFT the reference model is None, and the trainer reads it where DeepSpeed is used",
        advice="use TRL 0.4.2 or newer",
        link=f"{_TRL}/349",
    ),
    _reported(
        id="gather-on-cpu",
        message=r"Tensors must be CUDA and dense",
        releases=">=0.6,<0.7.2",
        cause="with several GPUs a tensor that stayed on the CPU is gathered from the other processes",
        advice="use TRL 0.7.2 or newer",
        link=f"{_TRL}/715",
    ),
    _reported(
        id="policy-inside-its-engine",
        message=r"'(?:DeepSpeedEngine|FullyShardedDataParallel)' object has no attribute '\w+"
        r"|'DistributedDataParallel' object has no attribute '(?!policy\b|config\b)\w+",
        releases=_PPO,
        cause="on several processes the policy is inside DistributedDataParallel or DeepSpeed's engine, which does "
        "not pass its attributes on",
        advice="use accelerator.unwrap_model(model) in code of your own, and pass ref_model and a plain reward model "
        "to TRL",
        link=f"{_TRL}/2375",
    ),
    _reported(
        id="deepspeed-hooks-renamed",
        message=r"has no attribute '?_register_hooks_recursively",
        releases=">=0.2,<0.16",
        requires=("deepspeed>=0.16.4",),
        cause="DeepSpeed 0.16.4 renamed what TRL calls to generate with ZeRO-3",
        advice="pip install 'deepspeed<0.16.4', or use TRL 0.16.0 or newer",
        link=f"{_TRL}/2963",
    ),
    _reported(
        id="processes-wait-for-each-other",
        message=r"Watchdog caught collective operation timeout|NCCL "
        r"(?:operation|communicator)[\s\S]{0,80}?(?:timeout|timed out)",
        releases=_PPO,
        cause="one process waits for another that died, has no batch, or takes another way",
        advice="see `python -m rldk_trl explain --symptom hang`",
        link=f"{_TRL}/151",
    ),
    _reported(
        id="unused-parameters-in-ddp",
        message=r"Expected to have finished reduction in the prior iteration before starting a new one"
        r"|parameters that were not used in producing (?:the )?loss",
        releases=_PPO,
        cause="on several processes some trained weights, e.g. the value head's, take no part in one of the passes",
        advice="set find_unused_parameters=True of DistributedDataParallel (ddp_find_unused_parameters)",
        link=f"{_LLAMA_FACTORY}/4946",
    ),
)
