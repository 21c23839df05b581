"""Count the weights that a trainer holds for a policy of about 100 million parameters, made from a config.

Run it in an environment with TRL: `python benchmarks/weights_held.py`. Weights that two parts share are counted once.
"""

from __future__ import annotations

import copy
import tempfile
import warnings
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM, LlamaForSequenceClassification

from rldk.integrations.trl import check_trl_compatibility, create_ppo_config, create_ppo_trainer
from rldk.integrations.trl.releases.generations import installed_generation
from rldk_trl.tiny import build_tiny_gpt2

VOCABULARY, MILLION = 32_000, 1e6


def held(*models: Any) -> float:
    """Millions of distinct weights in ``models``, by the memory that they lie in."""
    found = {
        tensor.untyped_storage().data_ptr(): tensor.untyped_storage().nbytes() // tensor.element_size()
        for model in models
        if isinstance(model, torch.nn.Module)
        for tensor in model.parameters()
    }
    return sum(found.values()) / MILLION


def main() -> None:
    warnings.simplefilter("ignore")
    scratch = Path(tempfile.mkdtemp())
    tokenizer = AutoTokenizer.from_pretrained(build_tiny_gpt2(scratch / "tiny"))
    # Its output layer has weights of its own, as Llama-3-8B's has.
    sizes = {"hidden_size": 768, "intermediate_size": 2048, "num_hidden_layers": 7, "num_attention_heads": 12}
    config = LlamaConfig(vocab_size=VOCABULARY, tie_word_embeddings=False, max_position_embeddings=256, **sizes)
    policy = LlamaForCausalLM(config)
    layer = policy.get_output_embeddings().weight.numel() / MILLION
    prompts = Dataset.from_dict({"input_ids": [tokenizer("the cat sat on")["input_ids"]] * 8})
    options = {"per_device_train_batch_size": 4, "total_episodes": 8}
    settings = create_ppo_config(str(scratch / "output"), **options)
    print(f"TRL {check_trl_compatibility()['version']}: millions of weights (output layer: {layer:.1f})")
    ours = create_ppo_trainer(
        None,
        settings,
        prompts,
        model=copy.deepcopy(policy),
        tokenizer=tokenizer,
        reward_model=lambda texts: [0.0] * len(texts),
    )
    show("create_ppo_trainer, with a function as the reward", ours)
    del ours
    show("TRL alone, with models as its examples load them", trl_alone(config, policy, settings, tokenizer, prompts))


def trl_alone(config: Any, policy: Any, settings: Any, tokenizer: Any, prompts: Any) -> Any:
    """Build TRL's trainer as its own examples do: a copy of the policy, and classifiers in the train API."""
    generation = installed_generation()
    parts: dict[str, Any] = {"config": settings, "tokenizer": tokenizer, "train_dataset": prompts}
    if generation.api == "step":
        parts |= {"model": generation.value_head.from_pretrained(policy), "ref_model": None}
    else:
        config.num_labels, config.pad_token_id = 1, tokenizer.pad_token_id
        parts |= {"model": policy, "ref_model": copy.deepcopy(policy)}
        parts |= {name: LlamaForSequenceClassification(config) for name in ("reward_model", "value_model")}
    return generation.trainer(**generation.arguments(parts))


def show(what: str, trainer: Any) -> None:
    """Print the weights of each part of a trainer."""
    whole = trainer.accelerator.unwrap_model(trainer.model)
    reference = getattr(trainer, "ref_model", None) or vars(trainer).get("ref_policy")
    parts = {"policy": getattr(whole, "policy", whole), "reference model": reference}
    parts |= {"value model": whole.value_model} if hasattr(whole, "value_model") else {}
    parts |= {"reward model": getattr(trainer, "reward_model", None)}
    print(f"{what}:")
    for name, model in parts.items():
        print(f"  {name:16} {held(model):7.1f}")
    print(f"  {'all together':16} {held(*parts.values()):7.1f}")


if __name__ == "__main__":
    main()
