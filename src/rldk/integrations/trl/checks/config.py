"""Check the config of a PPO setup for what will fail with the installed TRL."""

from __future__ import annotations

from collections.abc import Iterator

from rldk.integrations.trl.checks.setup import CheckedSetup, Finding
from rldk.integrations.trl.config.refusals import MISUSED, option_releases

_SMALLEST_WHITENED = 8


def check_config(setup: CheckedSetup) -> Iterator[Finding]:
    """Check that the config has the generation's own class and that its batches can be divided."""
    if setup.config is None:
        return
    if not setup.has_its_config:
        yield Finding(
            "issue",
            f"config must be {setup.generation.config.__name__} of {setup.generation.module}, got "
            f"{type(setup.config).__name__}: create it with create_ppo_config",
            "config-of-another-class",
        )
    elif setup.is_train:
        yield from _train_config(setup)
    else:
        yield from _step_config(setup)


def _step_config(setup: CheckedSetup) -> Iterator[Finding]:
    if _has_no_mask(setup) and pads(setup):
        batch = setup.config.forward_batch_size
        yield Finding(
            "warning", f"forward_batch_size is {batch}, but {setup.trl} pads batches without a mask: set it to 1"
        )
    parts = getattr(setup.config, "gradient_accumulation_steps", 1)
    if parts != 1 and not setup.generation.accumulates_gradients:
        yield Finding(
            "issue",
            f"gradient_accumulation_steps is {parts}, but {setup.trl} {MISUSED['gradient_accumulation_steps'][1]}: "
            f"set it to 1 and raise mini_batch_size, or use TRL {option_releases()['gradient_accumulation_steps']}",
        )


def _has_no_mask(setup: CheckedSetup) -> bool:
    """Whether the forward pass has no attention mask. False if the config is not of this generation."""
    return setup.has_its_config and not setup.generation.has_minibatches


def pads(setup: CheckedSetup) -> bool:
    """Whether batches are padded: always, except before 0.3.0 with one sample per forward pass."""
    return not _has_no_mask(setup) or setup.config.forward_batch_size != 1


def _train_config(setup: CheckedSetup) -> Iterator[Finding]:
    config, batch = setup.config, batch_size(setup)
    if batch is not None and config.num_mini_batches >= 1:
        if batch % config.num_mini_batches:
            yield Finding(
                "issue",
                f"the batch of {batch} (per_device_train_batch_size * gradient_accumulation_steps) is not a multiple "
                f"of num_mini_batches={config.num_mini_batches}, by which {setup.trl} divides it "
                f"(huggingface/trl#2531): change one of the three",
                "mini-batches-do-not-divide-the-batch",
            )
        elif config.whiten_rewards and batch // config.num_mini_batches < _SMALLEST_WHITENED:
            yield Finding(
                "issue",
                f"whiten_rewards needs minibatches of at least {_SMALLEST_WHITENED} samples, but they have "
                f"{batch // config.num_mini_batches}: turn whiten_rewards off, or raise per_device_train_batch_size",
                "minibatch-too-small-to-whiten",
            )
    samples = getattr(config, "num_sample_generations", 0)
    if samples > 0 and setup.eval_dataset is None and not setup.generation.samples_without_eval_dataset:
        yield Finding(
            "warning",
            f"num_sample_generations is {samples}, and {setup.trl} then fails if the trainer has no eval_dataset: "
            f"pass an eval_dataset, or set num_sample_generations=0",
            "sample-completions-without-eval-dataset",
        )


def batch_size(setup: CheckedSetup) -> int | None:
    """Return how many prompts are in one batch on this device; None if the config is not of this generation."""
    config = setup.config
    if not setup.has_its_config:
        return None
    if not setup.is_train:
        return int(config.batch_size)
    size = int(config.per_device_train_batch_size * config.gradient_accumulation_steps)
    if setup.generation.counts_minibatches_in_batch:
        size *= int(config.num_mini_batches)
    return size
