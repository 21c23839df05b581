"""The same public names as `rldk.integrations.trl`, under the name that older code imports."""

from rldk.integrations.trl import (
    PPOMetrics,
    PPOModels,
    check_trl_compatibility,
    create_ppo_config,
    create_ppo_trainer,
    fix_generation_config,
    prepare_models_for_ppo,
    run_ppo,
    validate_ppo_setup,
)

__all__ = [
    "PPOMetrics",
    "PPOModels",
    "check_trl_compatibility",
    "create_ppo_config",
    "create_ppo_trainer",
    "fix_generation_config",
    "prepare_models_for_ppo",
    "run_ppo",
    "validate_ppo_setup",
]
