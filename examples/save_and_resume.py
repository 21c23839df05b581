import tempfile
from pathlib import Path

from datasets import Dataset

from rldk.integrations.trl import (
    create_ppo_config,
    create_ppo_trainer,
    load_ppo_checkpoint,
    prepare_models_for_ppo,
    run_ppo,
    save_ppo_checkpoint,
)
from rldk_trl.tiny import build_tiny_gpt2

scratch = Path(tempfile.mkdtemp())
model_name = str(build_tiny_gpt2(scratch / "tiny-gpt2"))  # or a Hub id, or your own folder
tokenizer = prepare_models_for_ppo(model_name).tokenizer
prompts = ["the cat sat on", "what is the colour of"] * 4
dataset = Dataset.from_dict({"input_ids": [tokenizer(prompt)["input_ids"] for prompt in prompts]})
config = create_ppo_config(
    output_dir=str(scratch / "output"), per_device_train_batch_size=4, response_length=8, total_episodes=8
)


def reward(texts):
    return [len(set(text)) / 10 for text in texts]


trainer = create_ppo_trainer(model_name, config, dataset, reward_model=reward)
run_ppo(trainer)
save_ppo_checkpoint(trainer, scratch / "checkpoint")

# Later: a new trainer, made from the same parts, resumes where the saved one stopped.
trainer = create_ppo_trainer(model_name, config, dataset, reward_model=reward)
load_ppo_checkpoint(trainer, scratch / "checkpoint")
print(run_ppo(trainer))

# Or start another run from the saved policy and value model. The saved policy is also the new reference model.
trainer = create_ppo_trainer(str(scratch / "checkpoint"), config, dataset, reward_model=reward)
print(run_ppo(trainer))
