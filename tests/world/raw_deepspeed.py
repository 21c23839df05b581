"""Programs on TRL alone that fail under DeepSpeed: one for each entry of the catalogue with such a world."""

from __future__ import annotations

from typing import Any

from raw_processes import PROGRAMS, TRAIN, RawTRL, program


def config(raw: RawTRL, *, ready: bool = True, **options: Any) -> Any:
    """A config for DeepSpeed on CPU. ``ready``: with what users of accelerate 1.0.0-1.8.1 do first."""
    import accelerate

    made = raw.train_config(total_episodes=8, use_cpu=False, ddp_backend="gloo", **options)
    if ready and not accelerate.state.is_initialized():
        accelerate.Accelerator(deepspeed_plugin=made.deepspeed_plugin)
    return made


def models(raw: RawTRL) -> dict[str, Any]:
    """Models that are loaded, not copied: a copy of partitioned weights is empty."""
    from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification

    def classifier() -> Any:
        return AutoModelForSequenceClassification.from_pretrained(raw.model_name, num_labels=1)

    return {
        "model": AutoModelForCausalLM.from_pretrained(raw.model_name),
        "ref_model": AutoModelForCausalLM.from_pretrained(raw.model_name),
        "reward_model": classifier(),
        "value_model": classifier(),
        "train_dataset": raw.prompts(2),
    }


@program("accelerator-made-after-the-config", TRAIN)
def makes_a_trainer(raw: RawTRL) -> None:
    raw.train_trainer(config=config(raw, ready=False), **models(raw))


@program("zero3-save", TRAIN)
def saves_the_policy(raw: RawTRL) -> None:
    raw.train(config=config(raw), **models(raw)).save_model(str(raw.output_dir / "policy"))


@program("no-sync-with-zero", TRAIN)
def accumulates_gradients(raw: RawTRL) -> None:
    raw.train(config=config(raw, gradient_accumulation_steps=2), **(models(raw) | {"train_dataset": raw.prompts(4)}))


@program("trainer-without-deepspeed", TRAIN)
def saves_before_training(raw: RawTRL) -> None:
    raw.train_trainer(config=config(raw), **models(raw)).save_model(str(raw.output_dir / "policy"))


PROGRAMS["policy-config-as-deepspeed-config"] = PROGRAMS["zero3-save"]
