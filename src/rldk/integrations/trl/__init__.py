"""PPO code that runs on any TRL release.

Importing this package imports neither TRL nor torch nor transformers; a function that needs one of them and
does not find it raises ``ImportError`` with one line that says what to install.
"""

from rldk.integrations.trl.compatibility import check_trl_compatibility
from rldk.integrations.trl.config import create_ppo_config
from rldk.integrations.trl.generation_config import fix_generation_config
from rldk.integrations.trl.models import PPOModels, prepare_models_for_ppo
from rldk.integrations.trl.run import PPOMetrics, run_ppo
from rldk.integrations.trl.trainer import create_ppo_trainer
from rldk.integrations.trl.validation import validate_ppo_setup

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
