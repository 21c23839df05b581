import tempfile
from pathlib import Path

from rldk.integrations.trl import create_ppo_config, create_ppo_trainer, prepare_models_for_ppo, run_ppo
from rldk_trl.tiny import build_tiny_gpt2

scratch = Path(tempfile.mkdtemp())
model_name = str(build_tiny_gpt2(scratch / "tiny-gpt2"))
models = prepare_models_for_ppo(model_name)
prompts = ["the cat sat on", "you are in the house of", "what is the colour of", "this is the story"]


def reward(texts):  # each text is a prompt with its response
    return [len(set(text)) / len(text) for text in texts]


trainer = create_ppo_trainer(
    model_name,
    create_ppo_config(str(scratch / "output"), per_device_train_batch_size=4, response_length=8),
    [models.tokenizer(prompt) for prompt in prompts],
    model=models.model,
    ref_model=models.ref_model,
    tokenizer=models.tokenizer,
    reward_model=reward,
)
(metrics,) = run_ppo(trainer)
print(f"score {metrics['score']:.2f}, KL {metrics['kl']:.2f} nats; TRL reports {metrics.trl['objective/kl']:.2f}")


def graded(completions, answer):  # `answer` is a column of train_dataset
    return [float(expected in completion) for completion, expected in zip(completions, answer, strict=True)]


graded_prompts = [{**models.tokenizer(prompt), "answer": prompt.split()[-1]} for prompt in prompts]
trainer = create_ppo_trainer(
    model_name,
    create_ppo_config(str(scratch / "graded"), per_device_train_batch_size=4, response_length=8),
    graded_prompts,
    tokenizer=models.tokenizer,
    reward_model={graded: 1.0, reward: 0.2},  # a weighted sum
)
(graded_metrics,) = run_ppo(trainer)
