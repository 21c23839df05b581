from dataclasses import dataclass

from transformers import HfArgumentParser

from rldk.integrations.trl import PPOOptions, create_ppo_config


@dataclass
class ScriptArguments:
    dataset_name: str = "my/prompts"


parser = HfArgumentParser((ScriptArguments, PPOOptions))
script, options = parser.parse_args_into_dataclasses()
config = create_ppo_config(**options.given())
print(type(config).__name__, config.learning_rate, script.dataset_name)
