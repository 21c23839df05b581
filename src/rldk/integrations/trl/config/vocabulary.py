"""The common names of PPO options: the train API's names, and the step API's names for the same things.

`create_ppo_config` uses ``VOCABULARY`` to write a config and `portable_config` to read one. A test holds the table in
docs/config.md to it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rldk.integrations.trl.releases.generations import Generation

Options = dict[str, Any]

# Options for an adaptive KL coefficient. The train API's config keeps them as attributes that `run_ppo` reads.
ADAPTIVE_KL = ("adap_kl_ctrl", "target", "horizon")

# transformers' default, if only other parts of the batch are set.
_DEFAULT_DEVICE_BATCH_SIZE = 8


@dataclass(frozen=True)
class Row:
    """Options that belong together, and how to convert them to and from the step API."""

    portable: tuple[str, ...]
    """The train API's names."""
    step: tuple[str, ...]
    """The step API's names. Empty if its config has no such option; then `run_ppo` reads a config attribute."""
    write: Callable[[Options, Generation], Options]
    """Takes the options passed and the step API's generation; returns arguments of its config's constructor."""
    read: Callable[[Any, Generation], Options]
    """Takes a step API config and its generation; returns portable options, or the step API's own if none fits."""
    note: str = ""


def _same(portable: str, step: str | None = None, note: str = "") -> Row:
    """Return the row of one option with the same meaning in both APIs."""
    theirs = step or portable
    return Row(
        (portable,),
        (theirs,),
        lambda given, _: {theirs: given[portable]},
        lambda config, _: {portable: getattr(config, theirs)} if hasattr(config, theirs) else {},
        note,
    )


def _for_run_ppo(name: str) -> Row:
    """Return the row of an option that the step API leaves to the caller of ``generate()``."""
    return Row(
        (name,),
        (),
        lambda given, _: given,
        lambda config, _: {name: getattr(config, name)} if hasattr(config, name) else {},
        "an attribute that `run_ppo` reads",
    )


def _write_batch(given: Options, generation: Generation) -> Options:
    micro = given.get("per_device_train_batch_size", _DEFAULT_DEVICE_BATCH_SIZE)
    accumulation = given.get("gradient_accumulation_steps", 1)
    # Before 0.3.0 each sample is a minibatch. Forward passes of several samples are wrong with left padding.
    part = {"mini_batch_size": micro} if generation.has_minibatches else {"forward_batch_size": 1}
    size = micro * accumulation * given.get("num_mini_batches", 1)
    return {"batch_size": size, **part, "gradient_accumulation_steps": accumulation}


def _read_batch(config: Any, generation: Generation) -> Options:
    accumulation = getattr(config, "gradient_accumulation_steps", 1)
    if not generation.has_minibatches:
        if config.forward_batch_size != 1:
            return {"batch_size": config.batch_size, "forward_batch_size": config.forward_batch_size}
        return {"per_device_train_batch_size": config.batch_size, "gradient_accumulation_steps": 1} | {
            "num_mini_batches": 1
        }
    mini_batches, rest = divmod(config.batch_size, config.mini_batch_size * accumulation)
    if rest:
        names = ("batch_size", "mini_batch_size", "gradient_accumulation_steps")
        return {name: getattr(config, name) for name in names if hasattr(config, name)}
    return {
        "per_device_train_batch_size": config.mini_batch_size,
        "gradient_accumulation_steps": accumulation,
        "num_mini_batches": mini_batches,
    }


def _write_kl(given: Options, _: Generation) -> Options:
    first = {"init_kl_coef": given["kl_coef"]} if "kl_coef" in given else {}
    return {**first, "adap_kl_ctrl": given.get("adap_kl_ctrl", False)}


def _read_kl(config: Any, _: Generation) -> Options:
    return {"kl_coef": config.init_kl_coef} | ({"adap_kl_ctrl": True} if config.adap_kl_ctrl else {})


def _write_estimator(given: Options, _: Generation) -> Options:
    # Another estimator is not an option of the step API, so it is refused.
    return {"kl_penalty": "kl"} if given["kl_estimator"] == "k1" else given


def _read_estimator(config: Any, _: Generation) -> Options:
    penalty = getattr(config, "kl_penalty", "kl")
    return {"kl_estimator": "k1"} if penalty == "kl" else {"kl_penalty": penalty}


def _write_tracker(given: Options, _: Generation) -> Options:
    trackers = given["report_to"]
    trackers = list(trackers) if isinstance(trackers, list | tuple) else [trackers]  # accelerate takes objects too
    trackers = [tracker for tracker in trackers if tracker not in (None, "none")]
    if len(trackers) > 1:
        raise TypeError(
            f"create_ppo_config: the step API supports one tracker, got report_to={trackers}: pass one of them"
        )
    return {"log_with": trackers[0] if trackers else None}


def _read_norm(config: Any, _: Generation) -> Options:
    norm = getattr(config, "max_grad_norm", None)
    return {} if norm is None else {"max_grad_norm": norm}


def _read_accelerator(config: Any, _: Generation) -> Options:
    kwargs = dict(config.accelerator_kwargs)
    use_cpu = kwargs.pop("cpu", False)
    return ({"use_cpu": True} if use_cpu else {}) | ({"accelerator_kwargs": kwargs} if kwargs else {})


VOCABULARY: tuple[Row, ...] = (
    _same("learning_rate"),
    _same("num_ppo_epochs", "ppo_epochs"),
    Row(
        ("per_device_train_batch_size", "gradient_accumulation_steps", "num_mini_batches"),
        ("mini_batch_size", "gradient_accumulation_steps", "batch_size", "forward_batch_size"),
        _write_batch,
        _read_batch,
        "`batch_size` is the product of the three; `forward_batch_size=1` before 0.3.0",
    ),
    _same("total_episodes", "steps", "does not stop `run_ppo`, which counts updates"),
    Row(
        ("kl_coef", "adap_kl_ctrl"),
        ("init_kl_coef", "adap_kl_ctrl"),
        _write_kl,
        _read_kl,
        "fixed unless `adap_kl_ctrl=True`; in the train API `run_ppo` adapts it",
    ),
    Row(("kl_estimator",), ("kl_penalty",), _write_estimator, _read_estimator, "`k1` is `kl`; no `k3`"),
    _same("cliprange"),
    _same("cliprange_value"),
    _same("vf_coef"),
    _same("gamma"),
    _same("lam"),
    _same("whiten_rewards"),
    Row(
        ("max_grad_norm",),
        ("max_grad_norm",),
        # 0 turns clipping off in transformers. TRL would multiply each gradient by 0.
        lambda given, _: {"max_grad_norm": given["max_grad_norm"] or None},
        _read_norm,
        "0 turns clipping off, as `None` does",
    ),
    _same("seed", note="before 0.3.0 an attribute that `create_ppo_trainer` reads"),
    _for_run_ppo("response_length"),
    _for_run_ppo("temperature"),
    _for_run_ppo("local_rollout_forward_batch_size"),
    Row(
        ("report_to",),
        ("log_with",),
        _write_tracker,
        lambda config, _: {"report_to": config.log_with or "none"},
        "one tracker",
    ),
    Row(
        ("use_cpu",),
        ("accelerator_kwargs",),
        lambda given, _: {"accelerator_kwargs": {"cpu": True}} if given["use_cpu"] else {},
        _read_accelerator,
        '`accelerator_kwargs={"cpu": True}`',
    ),
)

PORTABLE: tuple[str, ...] = tuple(name for row in VOCABULARY for name in row.portable)
STEP_NAMES: frozenset[str] = frozenset(name for row in VOCABULARY for name in row.step)
