"""``create_ppo_trainer``: TRL's own trainer for whichever release is installed."""

from __future__ import annotations

import inspect
from typing import Any

from rldk.integrations.trl.checkpoints.save_and_load import saved_value_model
from rldk.integrations.trl.checks.validation import validate_ppo_setup
from rldk.integrations.trl.checks.weights import refuse_unloaded
from rldk.integrations.trl.data.prompts import keep_lists
from rldk.integrations.trl.models.gradient_checkpointing import trainer_built_around
from rldk.integrations.trl.models.kinds import KnownModel
from rldk.integrations.trl.models.load import load_tokenizer
from rldk.integrations.trl.models.value_model import load_value_model
from rldk.integrations.trl.releases.boundaries import API_RELEASES
from rldk.integrations.trl.releases.generations import Generation, generation_of, installed_generation
from rldk.integrations.trl.releases.importing import import_or_explain
from rldk.integrations.trl.releases.installed import PPOApi
from rldk.integrations.trl.releases.quiet import third_party_warnings
from rldk.integrations.trl.rewards.by_name import asked_by_model
from rldk.integrations.trl.training.datasets import config_for_samples, converted_datasets
from rldk.integrations.trl.training.deepspeed_fixes import (
    fix_deepspeed_accumulation,
    fix_deepspeed_saves,
    start_deepspeed,
)
from rldk.integrations.trl.training.parts import complete_parts
from rldk.integrations.trl.training.process_fixes import reference_can_be_wrapped, seed_each_process
from rldk.integrations.trl.training.step_callbacks import StepCallbacks, check_callbacks
from rldk.integrations.trl.training.tracking import logging_dir_in_output_dir
from rldk.integrations.trl.training.trainer_fixes import (
    ends_remembered,
    fix_step_trainer,
    fix_train_trainer,
    mapping_in_trl_core,
    share_frozen,
)

_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def create_ppo_trainer(
    model_name: str | None,
    ppo_config: Any,
    train_dataset: Any,
    callbacks: list[Any] | None = None,
    *,
    tokenizer: Any = None,
    generation_config: Any = None,
    model: Any = None,
    ref_model: Any = None,
    reward_model: Any = None,
    value_model: Any = None,
    validate_setup: bool = True,
    api: PPOApi | None = None,
    trainer_class: type[Any] | None = None,
    model_init_kwargs: dict[str, Any] | None = None,
    **trainer_kwargs: Any,
) -> Any:
    """Create the ``PPOTrainer`` of the installed TRL release.

    Missing models are built from ``model_name``. For the step API a plain model is wrapped in a value-head wrapper.
    For the train API a wrapper is unwrapped, and its value head becomes the value model unless you pass one. Weights
    are kept. Random number generators are seeded with the config's ``seed`` first, because the train API shuffles
    with numpy and does not seed it.

    Args:
        model_name: A Hub id, a folder, or a checkpoint of `save_ppo_checkpoint`, which supplies the value model too.
            May be None if you pass ``model`` and ``tokenizer``.
        ppo_config: From `create_ppo_config`, or the release's own ``PPOConfig`` or ``PPOv2Config``.
        train_dataset: Tokenized prompts with a column ``input_ids``. Other columns are dropped, unless the reward
            function asks for them or you pass a ``data_collator``. Step API: None, tuples, or token ids in a column
            ``query``, for your own loop.
        callbacks: transformers callbacks. `run_ppo` calls them around each update on both APIs.
        tokenizer: The tokenizer of the models.
        generation_config: For the policy. Default: see `fix_generation_config`. With the default, `run_ppo` generates
            with the config's options alone in the train API, as TRL computes log-probabilities without others.
        model: The policy: a value-head wrapper or a causal language model.
        ref_model: The reference model: a wrapper or a causal language model, but not the same object as ``model``.
            Default: a copy of the policy as it is now.
        reward_model: A sequence classifier with ``num_labels=1``, a value-head wrapper, any module that returns one
            score per row of ``input_ids``, or a function that takes a list of texts (prompt and response together,
            without special tokens) and returns a list of floats. A function may ask by parameter name for
            ``prompts``, ``completions``, ``prompt_ids``, ``completion_ids`` and columns of the dataset. A dict of
            functions and weights is the weighted sum of their rewards. Step API: may be None without ``model_name``.
        value_model: A sequence classifier with ``num_labels=1`` or a value-head wrapper. Train API only.
        validate_setup: Raise before TRL does if `validate_ppo_setup` finds an issue.
        api: ``"step"`` or ``"train"``. Default: the API of ``ppo_config``. TRL 0.9.2-0.11.4 have both; there
            ``"train"`` is ``PPOv2Trainer``.
        trainer_class: Your own subclass of TRL's trainer. Default: TRL's.
        model_init_kwargs: Passed to ``from_pretrained`` of every part that is built here, e.g. ``dtype``,
            ``revision``, ``attn_implementation``, ``device_map`` or ``trust_remote_code``.
        **trainer_kwargs: Passed to the constructor of TRL's trainer or of your subclass, e.g. ``eval_dataset``. The
            train API samples completions of its prompts if ``num_sample_generations`` is above 0.
            ``num_shared_layers`` (step API) freezes the first layers of the policy, and a reference model that you do
            not pass uses them too. ``peft_config``, e.g. a ``LoraConfig``, works from 0.4.0 on: of the policy only the
            adapter trains, together with the value head (step API) or the value model (train API). The policy with
            its adapter turned off is the reference.

    Returns:
        The trainer. Run it with `run_ppo` on either API.

    Raises:
        ImportError: TRL is missing, broken, or has no PPO with this ``api``. The message names releases that do.
        TypeError: This release's constructor does not take an argument, ``ppo_config`` belongs to the other API, or
            ``trainer_class`` is not a subclass of TRL's trainer with this API.
        ValueError: A part is missing and cannot be built, or `validate_ppo_setup` found an issue.
    """
    generation = _generation(ppo_config, api)
    trainer_class = _trainer_class(generation, trainer_class)
    peft_config = trainer_kwargs.pop("peft_config", None)
    _refuse_unknown(generation, trainer_class, value_model, trainer_kwargs)
    check_callbacks(callbacks)
    if callbacks is not None:  # a class is created here, under the caller's warning filters
        callbacks = [callback() if isinstance(callback, type) else callback for callback in callbacks]
    start_deepspeed(ppo_config)
    import_or_explain("transformers").set_seed(getattr(ppo_config, "seed", 0))
    if validate_setup:
        refuse_unloaded(
            generation, model=model, ref_model=ref_model, reward_model=reward_model, value_model=value_model
        )
    saved, init_kwargs = saved_value_model(model_name), dict(model_init_kwargs or {})
    if generation.api == "train" and model is None and value_model is None and saved is not None:
        tokenizer = load_tokenizer(str(model_name), **init_kwargs) if tokenizer is None else tokenizer
        value_model = load_value_model(generation, saved, tokenizer, **init_kwargs).given
    parts = complete_parts(
        generation,
        model_name,
        model=model,
        ref_model=ref_model,
        reward_model=reward_model,
        value_model=value_model,
        tokenizer=tokenizer,
        generation_config=generation_config,
        peft_config=peft_config,
        init_kwargs=init_kwargs,
        shares_layers=trainer_kwargs.get("num_shared_layers") is not None,
    )
    objects, asked = parts.objects(), asked_by_model(parts.reward_model.given)
    train_dataset, trainer_kwargs = converted_datasets(
        generation, asked, parts.tokenizer, train_dataset, trainer_kwargs
    )
    with trainer_built_around(generation, parts.model, parts.value_model, ppo_config):
        if validate_setup:
            report = validate_ppo_setup(
                **objects,
                config=ppo_config,
                train_dataset=train_dataset,
                eval_dataset=trainer_kwargs.get("eval_dataset"),
            )
            if not report["valid"]:
                raise ValueError(f"create_ppo_trainer: {'; '.join(report['issues'])}")
        arguments = generation.arguments(
            {**objects, "config": ppo_config, "train_dataset": train_dataset, "callbacks": callbacks}
        )
        if generation.api == "step":
            return _step_trainer(generation, trainer_class, arguments | trainer_kwargs, parts.reward_model, callbacks)
        trainer = _train_trainer(generation, trainer_class, arguments | trainer_kwargs, ppo_config)
        trainer._rldk_hides_defaults = generation_config is None  # `run_ppo` reads this
        return trainer


def _generation(config: Any, api: PPOApi | None) -> Generation:
    found = generation_of(config)
    if api is None or api == found.api:
        return found
    wanted = installed_generation(api)
    raise TypeError(
        f"create_ppo_trainer: ppo_config is a {type(config).__name__}, but api={api!r} needs a "
        f"{wanted.config.__name__}: create it with create_ppo_config(..., api={api!r})"
    )


def _trainer_class(generation: Generation, given: Any) -> type[Any]:
    if given is None:
        return generation.trainer
    if isinstance(given, type) and issubclass(given, generation.trainer):
        return given
    got = given.__name__ if isinstance(given, type) else repr(given)
    raise TypeError(
        f"create_ppo_trainer: trainer_class must be a subclass of {generation.trainer.__name__} of TRL "
        f"{generation.version} ({generation.api} API), got {got}: "
        f"derive your class from {generation.module}.{generation.trainer.__name__}"
    )


def _step_trainer(
    generation: Generation,
    trainer_class: type[Any],
    arguments: dict[str, Any],
    reward_model: KnownModel,
    callbacks: list[Any] | None,
) -> Any:
    arguments.setdefault("data_collator", keep_lists)
    config = arguments[generation.names["config"]]
    with third_party_warnings(), mapping_in_trl_core(), logging_dir_in_output_dir(generation, config):
        shares = arguments.get("num_shared_layers") is not None and arguments["ref_model"] is None
        with reference_can_be_wrapped(arguments):
            trainer = trainer_class(**arguments)
        StepCallbacks(trainer, callbacks or [])
    fix_step_trainer(generation, trainer)
    fix_deepspeed_accumulation(trainer)
    seed_each_process(trainer)
    if shares:
        share_frozen(trainer)
    trainer.reward_model = reward_model.given  # the step API leaves scoring to its caller; `run_ppo` reads this
    return trainer


def _train_trainer(generation: Generation, trainer_class: type[Any], arguments: dict[str, Any], config: Any) -> Any:
    arguments[generation.names["config"]] = config_for_samples(generation, arguments.get("eval_dataset"), config)
    # In some releases the constructor drops TRL's own callbacks if it is passed others.
    later = [] if generation.adds_default_callbacks else arguments.pop("callbacks", None) or []
    with third_party_warnings():
        trainer: Any = object.__new__(trainer_class)
        trainer.optimizer_cls_and_kwargs = None  # transformers 4.47+ reads it; TRL sets it from 0.12.0 on
        with ends_remembered(trainer, arguments[generation.names["model"]]):
            trainer.__init__(**arguments)
        for callback in later:
            trainer.add_callback(callback)
    fix_train_trainer(generation, trainer)
    fix_deepspeed_accumulation(trainer)
    fix_deepspeed_saves(trainer)
    return trainer


def _refuse_unknown(
    generation: Generation, trainer_class: type[Any], value_model: Any, trainer_kwargs: dict[str, Any]
) -> None:
    taken = generation.parameters - set(generation.names.values())
    for cls in trainer_class.__mro__[: trainer_class.__mro__.index(generation.trainer)]:
        if "__init__" in vars(cls):
            named = [p.name for p in inspect.signature(cls).parameters.values() if p.kind not in _VARIADIC]
            taken |= set(named) - set(generation.names.values())
    for name in trainer_kwargs:
        if name not in taken:
            raise TypeError(
                f"create_ppo_trainer: {trainer_class.__name__} of TRL {generation.version} ({generation.api} "
                f"API) does not take {name!r}; it takes {', '.join(sorted(taken))}"
            )
    if value_model is not None and "value_model" not in generation.names:
        raise TypeError(
            f"create_ppo_trainer: the PPOTrainer of TRL {generation.version} (step API) does not take value_model, "
            f"because the policy has its own value head: leave value_model out, or use the train API "
            f"(TRL {API_RELEASES['train']})"
        )
