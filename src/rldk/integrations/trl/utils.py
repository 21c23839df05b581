"""The public names of `rldk.integrations.trl`, for older code that imports them from here."""

from rldk.integrations.trl import (
    PPOMetrics,
    PPOModels,
    PPOOptions,
    RewardFunctionError,
    check_trl_compatibility,
    create_ppo_config,
    create_ppo_trainer,
    explain_failure,
    fix_generation_config,
    load_ppo_checkpoint,
    portable_config,
    ppo_changes,
    prepare_models_for_ppo,
    run_ppo,
    save_ppo_checkpoint,
    validate_ppo_setup,
)

__all__ = [
    "PPOMetrics",
    "PPOModels",
    "PPOOptions",
    "RewardFunctionError",
    "check_trl_compatibility",
    "create_ppo_config",
    "create_ppo_trainer",
    "explain_failure",
    "fix_generation_config",
    "load_ppo_checkpoint",
    "portable_config",
    "ppo_changes",
    "prepare_models_for_ppo",
    "run_ppo",
    "save_ppo_checkpoint",
    "validate_ppo_setup",
]
