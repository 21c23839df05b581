"""PPO code that runs on every TRL release with PPO, 0.2.0 to 1.12.0.

Importing this package does not import TRL, torch or transformers. If a function needs one of them and it is not
installed, it raises ``ImportError`` with one line that says what to install.
"""

from rldk.integrations.trl.advice.changes import ppo_changes
from rldk.integrations.trl.advice.compatibility import check_trl_compatibility
from rldk.integrations.trl.advice.failures import explain_failure
from rldk.integrations.trl.checkpoints.save_and_load import load_ppo_checkpoint, save_ppo_checkpoint
from rldk.integrations.trl.checks.validation import validate_ppo_setup
from rldk.integrations.trl.config.command_line import PPOOptions
from rldk.integrations.trl.config.create import create_ppo_config
from rldk.integrations.trl.config.portable import portable_config
from rldk.integrations.trl.models.generation_config import fix_generation_config
from rldk.integrations.trl.models.load import PPOModels, prepare_models_for_ppo
from rldk.integrations.trl.rewards.functions import RewardFunctionError
from rldk.integrations.trl.training.metrics import PPOMetrics
from rldk.integrations.trl.training.run import run_ppo
from rldk.integrations.trl.training.trainer import create_ppo_trainer

# rldk_trl recognizes this package by it: the project rldk has a package of the same name.
DISTRIBUTION = "rldk-trl"

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
