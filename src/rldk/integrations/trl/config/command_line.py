"""``PPOOptions``: options of `create_ppo_config` for transformers' and TRL's parsers of the command line."""

from __future__ import annotations

import dataclasses
from typing import Any

# Not `float | None`: the parser of transformers 4.26 does not take it, and a flag would need a value.
_NOT_GIVEN: Any = None


@dataclasses.dataclass
class PPOOptions:
    """Options of `create_ppo_config` as a dataclass, for ``HfArgumentParser`` and ``TrlParser``.

    A field that stays None was not given; the config then has the default that `create_ppo_config` chooses. For an
    option that is not here, derive your own dataclass from this one.

    Example::

        script, options = HfArgumentParser((ScriptArguments, PPOOptions)).parse_args_into_dataclasses()
        config = create_ppo_config(**options.given())
    """

    output_dir: str = _NOT_GIVEN
    learning_rate: float = _NOT_GIVEN
    num_ppo_epochs: int = _NOT_GIVEN
    per_device_train_batch_size: int = _NOT_GIVEN
    gradient_accumulation_steps: int = _NOT_GIVEN
    num_mini_batches: int = _NOT_GIVEN
    total_episodes: int = _NOT_GIVEN
    num_train_epochs: float = _NOT_GIVEN
    kl_coef: float = _NOT_GIVEN
    kl_estimator: str = _NOT_GIVEN
    adap_kl_ctrl: bool = _NOT_GIVEN
    target: float = _NOT_GIVEN
    horizon: int = _NOT_GIVEN
    cliprange: float = _NOT_GIVEN
    cliprange_value: float = _NOT_GIVEN
    vf_coef: float = _NOT_GIVEN
    gamma: float = _NOT_GIVEN
    lam: float = _NOT_GIVEN
    whiten_rewards: bool = _NOT_GIVEN
    max_grad_norm: float = _NOT_GIVEN
    seed: int = _NOT_GIVEN
    response_length: int = _NOT_GIVEN
    temperature: float = _NOT_GIVEN
    local_rollout_forward_batch_size: int = _NOT_GIVEN
    stop_token: str = _NOT_GIVEN
    stop_token_id: int = _NOT_GIVEN
    missing_eos_penalty: float = _NOT_GIVEN
    num_sample_generations: int = _NOT_GIVEN
    per_device_eval_batch_size: int = _NOT_GIVEN
    lr_scheduler_type: str = _NOT_GIVEN
    warmup_steps: int = _NOT_GIVEN
    weight_decay: float = _NOT_GIVEN
    optim: str = _NOT_GIVEN
    gradient_checkpointing: bool = _NOT_GIVEN
    bf16: bool = _NOT_GIVEN
    fp16: bool = _NOT_GIVEN
    use_cpu: bool = _NOT_GIVEN
    report_to: list[str] = _NOT_GIVEN
    run_name: str = _NOT_GIVEN
    logging_steps: int = _NOT_GIVEN
    eval_strategy: str = _NOT_GIVEN
    eval_steps: int = _NOT_GIVEN
    save_strategy: str = _NOT_GIVEN
    save_steps: int = _NOT_GIVEN
    push_to_hub: bool = _NOT_GIVEN
    hub_model_id: str = _NOT_GIVEN

    def given(self) -> dict[str, Any]:
        """Return the options that were given, for `create_ppo_config`."""
        return {name: value for name, value in vars(self).items() if value is not None}
