"""``create_ppo_config``: the option names of the train API, on every release."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rldk.integrations.trl.config.does_anyway import DOES_ANYWAY
from rldk.integrations.trl.config.refusals import refusal
from rldk.integrations.trl.config.unread import NEVER_READ
from rldk.integrations.trl.config.vocabulary import ADAPTIVE_KL, VOCABULARY, Options
from rldk.integrations.trl.releases.generations import Generation, installed_generation
from rldk.integrations.trl.releases.importing import import_or_explain
from rldk.integrations.trl.releases.installed import PPOApi, installed_version
from rldk.integrations.trl.releases.quiet import third_party_warnings

# transformers' default since 4.50.
DEFAULT_OUTPUT_DIR = "trainer_output"

# Pairs of names for one thing. TRL uses the first and silently ignores the second.
_EITHER = (("total_episodes", "num_train_epochs"), ("stop_token", "stop_token_id"))

# The step API's config or trainer sets these itself and ignores the value passed.
_STEP_COMPUTES = frozenset(
    {"backward_batch_size", "global_backward_batch_size", "global_batch_size", "world_size"}
    | {"is_encoder_decoder", "is_peft_model"}
)

# accelerate's functions, of which each release of it has some, and their arguments.
_ACCELERATORS: Mapping[str, Mapping[str, bool]] = {
    **{f"is_{kind}_available": {} for kind in ("cuda", "mps", "xpu", "npu", "hpu", "mlu", "musa", "sdaa", "neuron")},
    "is_torch_xla_available": {"check_is_tpu": True},
    "is_tpu_available": {},
}


def create_ppo_config(output_dir: str | None = None, *, api: PPOApi | None = None, **options: Any) -> Any:
    """Create the installed release's ``PPOConfig`` from one vocabulary of options.

    Options have the train API's names. For the step API (TRL 0.2.0-0.11.4) they are translated: ``num_ppo_epochs``
    becomes ``ppo_epochs``, ``total_episodes`` becomes ``steps``, ``kl_coef`` a fixed ``init_kl_coef``, and
    ``report_to`` becomes ``log_with``. With ``adap_kl_ctrl=True``, ``kl_coef`` is only the first coefficient, and it
    moves so that the KL comes near ``target`` (nats; ``horizon`` in episodes), on either API. The batch is
    ``per_device_train_batch_size * gradient_accumulation_steps * num_mini_batches`` samples, as in the train API
    before 0.17.0 (huggingface/trl#2531). ``response_length`` (tokens), ``temperature`` and
    ``local_rollout_forward_batch_size`` are stored on the config for `run_ppo`. Options that only the installed
    release has (``ratio_threshold``, ``kl_estimator``, ...) are accepted too. `portable_config` reads a config back.

    By default nothing is reported to a tracker, no sample completions are generated (they need an ``eval_dataset``),
    and without an accelerator ``use_cpu=True, bf16=False`` (TRL turned bf16 on by default in 0.19.0,
    huggingface/trl#3515). All other defaults are the release's.

    Args:
        output_dir: The folder that the trainer writes to. Default: ``trainer_output``.
        api: ``"train"`` for a ``PPOv2Config`` on TRL 0.9.2-0.11.4. None for the release's ``PPOConfig``.
        **options: See above.

    Raises:
        TypeError: The installed release does not support an option, or its config takes the option but its trainer
            never reads it or uses it wrongly. The message names the releases that support it.
        ImportError: TRL is missing, broken, has no PPO, or has no PPO with that API.
        ValueError: ``api`` is not the name of an API.
    """
    generation = installed_generation(api)
    known = frozenset(generation.options)
    output_dir = DEFAULT_OUTPUT_DIR if output_dir is None else str(output_dir)
    _refuse_both(options)
    if generation.api == "step":
        arguments, attributes = _step_arguments(generation, dict(options))
        attributes["output_dir"] = output_dir
    else:
        adaptive = ADAPTIVE_KL if options.get("adap_kl_ctrl") else ()
        attributes = {name: options.pop(name) for name in adaptive if name in options}
        arguments = {"output_dir": output_dir, **_train_arguments(options)}
    arguments = {name: value for name, value in arguments.items() if name in known or not _is_done_anyway(name, value)}
    for option, value in arguments.items():
        if option not in known or _is_unread_or_misused(generation, option, value):
            raise TypeError(refusal(option, _installed(generation), known, _other_api(generation)))
    with third_party_warnings():
        config = generation.config(**arguments)
    for name, value in attributes.items():
        setattr(config, name, value)
    return config


def _installed(generation: Generation) -> str:
    transformers = f"with transformers {installed_version('transformers')}"
    return f"TRL {generation.version} {transformers}"


def _other_api(generation: Generation) -> frozenset[str]:
    """Return the options of ``PPOv2Config``, for ``api="train"`` on a release of the step API."""
    if generation.api == "train":
        return frozenset()
    try:
        ppov2 = installed_generation("train")
    except ImportError:
        return frozenset()
    return frozenset(ppov2.options) - NEVER_READ.keys()


def _refuse_both(options: Options) -> None:
    for first, second in _EITHER:
        if options.get(first) is not None and options.get(second) is not None:
            raise TypeError(f"create_ppo_config: {first!r} and {second!r} set the same thing: pass only one of them")


def _is_unread_or_misused(generation: Generation, option: str, value: Any) -> bool:
    """Whether the config takes the option but the trainer ignores or misuses it, judged by the trainer's code."""
    if generation.api == "step":
        if option == "gradient_accumulation_steps":
            return value != 1 and not generation.accumulates_gradients
        return value is not None and option in _STEP_COMPUTES and generation.assigns(option)
    if option == "run_name":
        return value is not None and generation.overwrites_run_name
    return option in NEVER_READ and value not in NEVER_READ[option][0]


def _is_done_anyway(option: str, value: Any) -> bool:
    harmless, _ = NEVER_READ.get(option, ((), ""))
    return value in harmless or value in DOES_ANYWAY.get(option, ())


def _train_arguments(options: Options) -> Options:
    arguments: Options = {"report_to": "none", "num_sample_generations": 0}
    if not _has_accelerator():
        arguments |= {"use_cpu": True, "bf16": False}
    return arguments | options


def _has_accelerator() -> bool:
    """Whether the installed accelerate finds an accelerator. Its state is not created, because it may be set later."""
    utils = import_or_explain("accelerate.utils")
    with third_party_warnings():  # the vendors' plugins for torch are imported
        return any(
            bool(getattr(utils, name)(**arguments))
            for name, arguments in _ACCELERATORS.items()
            if hasattr(utils, name)
        )


def _step_arguments(generation: Generation, options: Options) -> tuple[Options, Options]:
    """Translate ``options``. Return the constructor's arguments and the attributes to set on the config."""
    arguments: Options = {}
    attributes: Options = {}
    for row in VOCABULARY:
        given = [name for name in row.portable if name in options]
        portable = [name for name in given if name not in row.step]
        own = [name for name in row.step if name in options and name not in (*given, "accelerator_kwargs")]
        if own and not portable:
            continue  # the step API's own names, some of which are portable names too
        written = row.write({name: options.pop(name) for name in given}, generation) if given else {}
        for name in own:
            if name not in written or options.pop(name) != written[name]:
                raise TypeError(
                    f"create_ppo_config: {name!r} and {portable[0]!r} set the same thing: pass only one of them"
                )
        # Before 0.3.0 the config has no seed; `create_ppo_trainer` reads the attribute.
        is_argument = row.step and (row.portable != ("seed",) or "seed" in generation.options)
        (arguments if is_argument else attributes).update(written)
    if "accelerator_kwargs" in options:
        options["accelerator_kwargs"] = options["accelerator_kwargs"] | arguments.pop("accelerator_kwargs", {})
    return arguments | options, attributes
