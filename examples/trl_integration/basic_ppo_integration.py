"""Train with PPO on the installed TRL release.

python basic_ppo_integration.py                    # a tiny GPT-2 that is built locally, without network
python basic_ppo_integration.py --model gpt2       # a Hub id or a folder
"""

import argparse
import tempfile
from pathlib import Path

from rldk.integrations.trl import (
    check_trl_compatibility,
    create_ppo_config,
    create_ppo_trainer,
    prepare_models_for_ppo,
    run_ppo,
)
from rldk_trl.tiny import build_tiny_gpt2

PROMPTS = ["the cat sat on", "what is the colour of", "she said to", "in the morning there was"]


def reward(texts: list[str]) -> list[float]:
    """Prefer texts with many different characters. Replace this with your own reward."""
    return [len(set(text)) / 10 for text in texts]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", help="a Hub id or a folder (default: a tiny GPT-2, built locally)")
    parser.add_argument("--updates", type=int, default=2, help="number of PPO updates (default: %(default)s)")
    arguments = parser.parse_args()

    compatibility = check_trl_compatibility()
    print(f"TRL {compatibility['version']}, PPO API: {compatibility['ppo_api']}")
    for warning in compatibility["warnings"]:
        print(f"warning: {warning}")

    from datasets import Dataset

    with tempfile.TemporaryDirectory() as scratch:
        model_name = arguments.model or str(build_tiny_gpt2(Path(scratch) / "tiny-gpt2"))
        models = prepare_models_for_ppo(model_name)
        config = create_ppo_config(
            output_dir=f"{scratch}/output",
            learning_rate=1e-4,
            per_device_train_batch_size=4,
            num_ppo_epochs=2,
            kl_coef=0.05,
            response_length=8,
            total_episodes=4 * arguments.updates,
        )
        dataset = Dataset.from_dict({"input_ids": [models.tokenizer(prompt)["input_ids"] for prompt in PROMPTS]})
        trainer = create_ppo_trainer(
            model_name,
            config,
            dataset,
            tokenizer=models.tokenizer,
            model=models.model,
            ref_model=models.ref_model,
            reward_model=reward,
        )
        for number, metrics in enumerate(run_ppo(trainer, arguments.updates), start=1):
            print(f"update {number}: " + ", ".join(f"{name} {value:.4f}" for name, value in metrics.items()))


if __name__ == "__main__":
    main()
