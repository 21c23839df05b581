"""What `run_ppo` says about arguments of ``generate()`` that it cannot take: where to set them instead."""

from __future__ import annotations

from typing import Any

from rldk.integrations.trl.config.refusals import OPTION_OF_ARGUMENT
from rldk.integrations.trl.releases.installed import PPOApi

_ASKS_FOR_NOTHING = {"return_prompt": False, "generate_ref_response": False}

# Arguments of the step API's `generate()` that `run_ppo` sets itself.
_SET_BY_RUN_PPO = {
    "return_prompt": "responses have no prompt here",
    "generate_ref_response": "only the policy generates here",
    "query_tensor": "the prompts are those of train_dataset",
    "input_ids": "the prompts are those of train_dataset",
}

# Options of `generate()` that `policy_samples_with` gives to the train API.
_OF_BOTH_APIS = {"top_k", "top_p", "min_new_tokens", "do_sample", "stop_strings", "length_sampler"}


def checked_generation_arguments(api: PPOApi, arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments that go to ``generate()``, without those that ask for what `run_ppo` does anyway.

    Raises:
        TypeError: An argument is not for `run_ppo` with this API. The message says where to set it.
    """
    arguments = {name: value for name, value in arguments.items() if _ASKS_FOR_NOTHING.get(name) is not value}
    for name in arguments:
        several_ends = name == "eos_token_id" and isinstance(arguments[name], list | tuple)
        advice = None if several_ends else _advice(api, name)
        if advice is not None:
            raise TypeError(f"run_ppo: {name!r} cannot be set here: {advice}")
    return arguments


def _advice(api: PPOApi, name: str) -> str | None:
    if name in _SET_BY_RUN_PPO:
        return f"{_SET_BY_RUN_PPO[name]}; leave it out"
    if name in _OF_BOTH_APIS or (api == "step" and name != "batch_size"):
        return None
    if name == "reward_model":
        return "the train API's trainer has it; pass it to create_ppo_trainer"
    if name in OPTION_OF_ARGUMENT:
        return f"set {OPTION_OF_ARGUMENT[name]!r} in create_ppo_config"
    return "the train API samples with settings of its own; leave it out"
