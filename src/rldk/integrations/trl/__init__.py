"""PPO code that runs on any TRL release.

Importing this package imports neither TRL nor torch nor transformers; a function that needs one of them and
does not find it raises ``ImportError`` with one line that says what to install.
"""

from rldk.integrations.trl.changes import ppo_changes
from rldk.integrations.trl.checkpoints import load_ppo_checkpoint, save_ppo_checkpoint
from rldk.integrations.trl.compatibility import check_trl_compatibility
from rldk.integrations.trl.config import create_ppo_config
from rldk.integrations.trl.failures import explain_failure
from rldk.integrations.trl.generation_config import fix_generation_config
from rldk.integrations.trl.metrics import PPOMetrics
from rldk.integrations.trl.models import PPOModels, prepare_models_for_ppo
from rldk.integrations.trl.portable import portable_config
from rldk.integrations.trl.reward_function import RewardFunctionError
from rldk.integrations.trl.run import run_ppo
from rldk.integrations.trl.trainer import create_ppo_trainer
from rldk.integrations.trl.validation import validate_ppo_setup

__all__ = [
    "PPOMetrics",
    "PPOModels",
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
