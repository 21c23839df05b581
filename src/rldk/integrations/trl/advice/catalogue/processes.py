"""Failures that need several processes. The matrix's world `ddp` reproduces them (tests/world/test_failures.py)."""

from __future__ import annotations

from functools import partial

from rldk.integrations.trl.advice.catalogue.failure import ROW_OF_THE_MATRIX, Failure

_TRL = "https://github.com/huggingface/trl/issues"

_on_processes = partial(Failure, world="ddp")

PROCESS_FAILURES: tuple[Failure, ...] = (
    _on_processes(
        id="policy-of-ddp-at-save",
        message=r"'DistributedDataParallel' object has no attribute 'policy'",
        releases=">=0.10.1,<0.29",
        cause="save_model() and each checkpoint read the policy of the model, which is inside DistributedDataParallel "
        "on several processes: 'DistributedDataParallel' object has no attribute 'policy'",
        advice="create the trainer with create_ppo_trainer, or save with save_ppo_checkpoint",
        link=f"{_TRL}/2375",
        found=False,
        fixed_by="create_ppo_trainer",
    ),
    _on_processes(
        id="config-of-ddp-in-the-model-card",
        message=r"'DistributedDataParallel' object has no attribute 'config'",
        releases=">=0.12,<1.13",
        cause="the model card, which each checkpoint writes from 0.19 on, reads the config of the model, which is "
        "inside DistributedDataParallel on several processes; the main process fails and the others wait for it",
        advice="create the trainer with create_ppo_trainer, or set save_strategy='no' and save with "
        "save_ppo_checkpoint",
        link="https://github.com/modelscope/ms-swift/issues/5822",
        found=False,
        fixed_by="create_ppo_trainer",
    ),
    _on_processes(
        id="tied-weights-in-safetensors",
        message=r"Some tensors share memory",
        releases=">=0.29,<1.13",
        cause="on several processes save_model() saves the module of policy and value model, in which one tensor is "
        "there twice",
        advice="create the trainer with create_ppo_trainer, or save with save_ppo_checkpoint",
        link=f"{_TRL}/5150",
        found=False,
        fixed_by="create_ppo_trainer",
    ),
    _on_processes(
        id="policy-of-ddp-without-reference",
        message=r"'DistributedDataParallel' object has no attribute 'policy'",
        releases=">=0.13,<1.13",
        requires=("peft",),
        cause="with PEFT and without a reference model, the rollout turns off the adapter of the model's policy, and "
        "the model is inside DistributedDataParallel on several processes",
        advice="pass a ref_model",
        link=ROW_OF_THE_MATRIX,
        found=False,
    ),
    _on_processes(
        id="ddp-without-parameters-to-train",
        message=r"DistributedDataParallel is not needed when a module doesn't have any parameters? that requires?",
        releases=">=0.2,<0.12",
        cause="on several processes without GPUs, accelerate wraps the reference model too, which is frozen if TRL "
        "makes it",
        advice="pass a reference model that is not frozen, or train on GPUs",
        link=ROW_OF_THE_MATRIX,
        found=False,
    ),
)
