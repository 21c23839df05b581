"""``create_ppo_config``: one vocabulary of options, the train API's names, on every release."""

from __future__ import annotations

import inspect
from typing import Any

from rldk.integrations.trl.generations import Generation, import_or_explain, installed_generation
from rldk.integrations.trl.options import refusal
from rldk.integrations.trl.quiet import third_party_warnings
from rldk.integrations.trl.source import installed_version

# transformers' own defaults: TrainingArguments.output_dir since 4.50, and the batch size if only others are given.
DEFAULT_OUTPUT_DIR = "trainer_output"
_DEFAULT_DEVICE_BATCH_SIZE = 8

# Options the step API leaves to the caller of `generate()`: `run_ppo` reads them from the config.
ROLLOUT_OPTIONS = ("response_length", "temperature", "local_rollout_forward_batch_size")

# Values that ask the step API for what it does anyway.
_STEP_NOTHING_TO_DO: dict[str, tuple[Any, ...]] = {
    "save_strategy": ("no",),
    "eval_strategy": ("no",),
    "num_sample_generations": (0,),
    "gradient_checkpointing": (False,),
    "bf16": (False, None),
    "fp16": (False, None),
    "use_cpu": (False,),
    "stop_token": ("eos",),
}


def create_ppo_config(output_dir: str | None = None, **options: Any) -> Any:
    """Build the installed release's ``PPOConfig`` from one vocabulary.

    Names are the train API's. On the step API (TRL 0.2.0-0.11.4) ``num_ppo_epochs`` becomes ``ppo_epochs``,
    ``total_episodes`` ``steps``, ``kl_coef`` a fixed ``init_kl_coef``, ``report_to`` ``log_with``; the batch is
    ``per_device_train_batch_size * gradient_accumulation_steps * num_mini_batches`` samples, as the train API
    counted until 0.17.0 (huggingface/trl#2531); ``response_length`` (tokens), ``temperature`` and
    ``local_rollout_forward_batch_size`` stay on the config for `run_ppo`. Names that only the installed release
    has (``ratio_threshold``, ``kl_estimator``, ...) are accepted there.

    Unless asked otherwise: nothing is reported to any tracker, no sample completions are generated (they need an
    ``eval_dataset``), and without an accelerator ``use_cpu=True, bf16=False`` (TRL turned bf16 on by default in
    0.19.0, huggingface/trl#3515). Every other default is the release's own.

    Args:
        output_dir: where the trainer writes; ``trainer_output`` where it is None.
        **options: see above.

    Raises:
        TypeError: an option that the installed release cannot honour; names it and the releases that can.
        ImportError: TRL is missing, broken or has no PPO.
    """
    generation = installed_generation()
    known = frozenset(inspect.signature(generation.config).parameters)
    output_dir = DEFAULT_OUTPUT_DIR if output_dir is None else str(output_dir)
    if generation.api == "step":
        arguments, attributes = _step_arguments(generation, known, dict(options))
        attributes["output_dir"] = output_dir
    else:
        arguments, attributes = {"output_dir": output_dir, **_train_arguments(options)}, {}
    for option in arguments:
        if option not in known:
            raise TypeError(refusal(option, _installed(generation), known))
    with third_party_warnings():
        config = generation.config(**arguments)
    for name, value in attributes.items():
        setattr(config, name, value)
    return config


def _installed(generation: Generation) -> str:
    return f"TRL {generation.version} with transformers {installed_version('transformers')}"


def _train_arguments(options: dict[str, Any]) -> dict[str, Any]:
    arguments = {"report_to": "none", "num_sample_generations": 0}
    if not _has_accelerator():
        arguments |= {"use_cpu": True, "bf16": False}
    return arguments | options


def _has_accelerator() -> bool:
    torch = import_or_explain("torch")
    return bool(torch.cuda.is_available() or torch.backends.mps.is_available() or torch.xpu.is_available())


def _step_arguments(
    generation: Generation, known: frozenset[str], options: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Translate ``options``; returns what the config is constructed with and what is only set on it."""
    arguments: dict[str, Any] = {}
    attributes = {name: options.pop(name) for name in ROLLOUT_OPTIONS if name in options}
    arguments |= _step_batch(known, options)
    for ours, theirs in (("num_ppo_epochs", "ppo_epochs"), ("total_episodes", "steps")):
        if ours in options:
            arguments[theirs] = options.pop(ours)
    if "kl_coef" in options:  # the train API's coefficient is fixed, never adapted
        arguments |= {"init_kl_coef": options.pop("kl_coef"), "adap_kl_ctrl": False}
    if "report_to" in options:
        arguments["log_with"] = _log_with(options.pop("report_to"))
    if options.get("use_cpu"):
        options.pop("use_cpu")
        arguments["accelerator_kwargs"] = {**options.pop("accelerator_kwargs", {}), "cpu": True}
    if "seed" in options and "seed" not in known:  # before 0.3.0: `create_ppo_trainer` seeds by it
        attributes["seed"] = options.pop("seed")
    for option, harmless in _STEP_NOTHING_TO_DO.items():
        if option in options and option not in known and options[option] in harmless:
            del options[option]
    for option in options:
        if option in arguments:
            raise TypeError(
                f"create_ppo_config: {option!r} is given twice, by its own name and by the portable one: "
                f"keep one of them"
            )
    return arguments | options, attributes


def _step_batch(known: frozenset[str], options: dict[str, Any]) -> dict[str, Any]:
    given = {
        name: options.pop(name)
        for name in ("per_device_train_batch_size", "gradient_accumulation_steps", "num_mini_batches")
        if name in options
    }
    if not given:
        return {}
    micro = given.get("per_device_train_batch_size", _DEFAULT_DEVICE_BATCH_SIZE)
    accumulation = given.get("gradient_accumulation_steps", 1)
    batch: dict[str, Any] = {"batch_size": micro * accumulation * given.get("num_mini_batches", 1)}
    if "mini_batch_size" in known:
        batch["mini_batch_size"] = micro
    else:
        # Before 0.3.0 each sample is a minibatch, and more than one a forward pass is wrong with left padding.
        batch["forward_batch_size"] = 1
    if accumulation != 1 or "gradient_accumulation_steps" in known:
        batch["gradient_accumulation_steps"] = accumulation
    return batch


def _log_with(report_to: Any) -> str | None:
    trackers = [report_to] if isinstance(report_to, str) else list(report_to or [])
    trackers = [tracker for tracker in trackers if tracker != "none"]
    if len(trackers) > 1:
        raise TypeError(
            f"create_ppo_config: the step API reports to one tracker, got report_to={trackers}: name one of them"
        )
    return trackers[0] if trackers else None
