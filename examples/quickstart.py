import tempfile
from pathlib import Path

from datasets import Dataset

from rldk.integrations.trl import create_ppo_config, create_ppo_trainer, prepare_models_for_ppo, run_ppo
from rldk_trl.tiny import build_tiny_gpt2

scratch = Path(tempfile.mkdtemp())
model_name = str(build_tiny_gpt2(scratch / "tiny-gpt2"))  # or a Hub id, or your own folder

models = prepare_models_for_ppo(model_name)  # in the form that the installed TRL needs
prompts = ["the cat sat on", "what is the colour of"] * 4
dataset = Dataset.from_dict({"input_ids": [models.tokenizer(prompt)["input_ids"] for prompt in prompts]})
config = create_ppo_config(
    output_dir=str(scratch / "output"),
    learning_rate=1e-4,
    kl_coef=0.05,
    per_device_train_batch_size=4,
    response_length=8,
    total_episodes=8,
)


def reward(texts):
    return [len(set(text)) / 10 for text in texts]


trainer = create_ppo_trainer(
    model_name, config, dataset,
    model=models.model, ref_model=models.ref_model, tokenizer=models.tokenizer, reward_model=reward,
)
for metrics in run_ppo(trainer, steps=2):
    print(metrics)  # kl, entropy, score, policy_loss, value_loss, clip_fraction; metrics.trl has TRL's own

from rldk.integrations.trl import fix_generation_config

model = fix_generation_config(models.model, models.tokenizer)
