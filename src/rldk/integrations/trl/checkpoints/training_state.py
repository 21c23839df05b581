"""Read the training state of a PPO trainer as plain values, and restore it into another trainer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rldk.integrations.trl.checkpoints.stored_weights import digest, stored_digests, stored_weights
from rldk.integrations.trl.data.batches import BatchStream
from rldk.integrations.trl.data.random_state import RandomState
from rldk.integrations.trl.releases.importing import import_or_explain

# Counters of the step API's trainer (`highest_reward` and `compare_step` are for push_to_hub_if_best), and the objects
# that change with each update: the KL controller (on both APIs) and the running moments of the scores.
_STEP_COUNTERS = ("current_step", "compare_step", "highest_reward")
_MOVING = ("kl_ctl", "running")


def shared_state(trainer: Any, folder: Path) -> dict[str, Any]:
    """Return optimizer, schedule and what identifies the weights, which all processes have alike.

    ``stored`` has the digests of the trainable parameters that the model files in ``folder`` hold bit for bit.
    ``parameters`` has the other trainable parameters themselves.

    Raises:
        ValueError: A part of the state is not a plain value.
    """
    in_files, trainable = stored_digests(folder), _trainable(trainer)
    stored = {name: its for name, parameter in trainable.items() if (its := digest(parameter)) in in_files}
    state = {
        "stored": stored,
        "parameters": {name: parameter.detach() for name, parameter in trainable.items() if name not in stored},
        "optimizer": trainer.optimizer.state_dict(),
        "scheduler": None if trainer.lr_scheduler is None else trainer.lr_scheduler.state_dict(),
    }
    plain: dict[str, Any] = _plain(state)
    return plain


def process_state(trainer: Any) -> dict[str, Any]:
    """Return counters, position in the dataset and random state, which each process has for itself.

    TRL before 0.7.5 computes the KL coefficient from the process's own batch.

    Raises:
        ValueError: A part of the state is not a plain value.
    """
    state = {
        "counters": {name: getattr(trainer, name) for name in _STEP_COUNTERS if hasattr(trainer, name)},
        "moving": {name: _numbers(getattr(trainer, name)) for name in _MOVING if hasattr(trainer, name)},
        "batches": BatchStream.of(trainer).state_dict(),
        "random": vars(RandomState.capture()),
    }
    plain: dict[str, Any] = _plain(state)
    return plain


def fitting_weights(trainer: Any, saved: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return name -> weight of a saved state, if it fits the trainer. Nothing is changed.

    Raises:
        ValueError: The saved parameters, schedule or KL controller do not match the trainer's.
    """
    parameters = _trainable(trainer)
    # Format 1 has all trainable parameters in `parameters`.
    weights: dict[str, Any] = saved["parameters"] | stored_weights(folder, saved.get("stored", {}))
    wrong = sorted(
        name
        for name in weights.keys() | parameters.keys()
        if name not in parameters or name not in weights or parameters[name].shape != weights[name].shape
    )
    # An earlier release trained the unused output layer of a value model. Its place in the optimizer is gone.
    layers = {name.rpartition(".")[0] for name in wrong if name not in parameters}
    if "stored" not in saved and len(layers) == 1 and wrong[0].startswith("value_model."):
        raise ValueError(
            f"an earlier rldk-trl trained {', '.join(wrong)} too, the value model's output layer, which has no effect "
            f"and is left out now: start a new run from these weights with create_ppo_trainer({str(folder)!r}, ...)"
        )
    if wrong:
        raise ValueError(
            f"{len(wrong)} parameters differ between the models ({', '.join(wrong[:3])} first): create the trainer "
            f"with the models of the saved one"
        )
    if (trainer.lr_scheduler is None) != (saved["scheduler"] is None):
        raise ValueError("only one of the two trainers has an lr_scheduler: create this one like the saved one")
    if ("horizon" in saved["moving"].get("kl_ctl", {})) != hasattr(getattr(trainer, "kl_ctl", None), "horizon"):
        raise ValueError(
            "only one of the two runs adapts its KL coefficient: create this trainer with the same adap_kl_ctrl"
        )
    return weights


def restore_training_state(
    trainer: Any, weights: dict[str, Any], shared: dict[str, Any], own: dict[str, Any]
) -> None:
    """Restore what `fitting_weights`, `shared_state` and `process_state` returned into ``trainer``.

    Every process of the run must call it: accelerate shuffles with the main process's generator.

    Raises:
        ValueError: The dataset is too small for the saved position. Then nothing is changed.
    """
    BatchStream.of(trainer).load_state_dict(own["batches"])
    with import_or_explain("torch").no_grad():
        for name, parameter in _trainable(trainer).items():
            parameter.copy_(weights[name])
    trainer.optimizer.load_state_dict(shared["optimizer"])
    if trainer.lr_scheduler is not None:
        trainer.lr_scheduler.load_state_dict(shared["scheduler"])
    for name, value in own["counters"].items():
        setattr(trainer, name, value)
    for name, numbers in own["moving"].items():
        _set_numbers(getattr(trainer, name), numbers)
    RandomState(**own["random"]).restore()


def _trainable(trainer: Any) -> dict[str, Any]:
    """Return the parameters that training changes, without buffers, frozen layers and the base model of PEFT."""
    model = trainer.accelerator.unwrap_model(trainer.model)
    return {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}


def _numbers(part: Any) -> dict[str, Any]:
    kinds = (bool, int, float, import_or_explain("numpy").generic, import_or_explain("torch").Tensor)
    return {name: (type(value).__name__, value) for name, value in vars(part).items() if isinstance(value, kinds)}


def _set_numbers(part: Any, numbers: dict[str, Any]) -> None:
    """Set numbers with their saved types. The KL coefficient becomes numpy's float32, which rounds differently."""
    np = import_or_explain("numpy")
    for name, (kind, value) in numbers.items():
        setattr(part, name, value if kind in ("bool", "int", "float", "Tensor") else getattr(np, kind)(value))


def _plain(value: Any, where: str = "the state") -> Any:
    """Return ``value`` in types that ``torch.load`` reads with ``weights_only``. NumPy numbers become Python's."""
    if isinstance(value, dict):
        return {key: _plain(item, f"{where}[{key!r}]") for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_plain(item, where) for item in value)
    if value is None or isinstance(value, str | import_or_explain("torch").Tensor):
        return value
    if isinstance(number := getattr(value, "item", lambda: value)(), bool | int | float):
        return number
    raise ValueError(f"save_ppo_checkpoint: cannot save {where}, a {type(value).__name__}: remove it from the trainer")
