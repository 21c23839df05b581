"""Which attributes PPO's code reads from the models it is given: a static approximation.

The four models are followed from the trainer's constructor through assignments, attributes of ``self``, calls of
TRL's own functions, methods and classes (such as ``PolicyAndValueWrapper`` and ``get_reward``) and ``with`` items;
starting in ``__init__`` and the methods that a user calls. Branches are all taken and order is not regarded, so an
attribute that is read only with DeepSpeed or PEFT is there too. Not followed: containers, conditions on the kind of
a model, what is patched at run time, and code outside the wheel (transformers' optimizer set-up, accelerate, peft).
"""

from __future__ import annotations

from rldk_maintenance.contract.classes import method
from rldk_maintenance.contract.follow import run
from rldk_maintenance.contract.notes import Model, Notes, Values
from rldk_maintenance.contract.package import Found, TRLPackage

_ROLES = {
    "model": "policy",
    "policy": "policy",
    "ref_model": "ref",
    "ref_policy": "ref",
    "reward_model": "reward",
    "value_model": "value",
}
_ROOTS = ("__init__", "train", "step", "generate")
_PASSES = 3


def model_reads(package: TRLPackage, trainer: Found) -> dict[str, dict[str, list[str]]]:
    """Role -> attribute -> the functions that read it; ``?`` marks a read that has a fallback."""
    notes = Notes()
    self_values: Values = frozenset([notes.instance(trainer)])
    for _ in range(_PASSES):  # what a later method assigns to `self`, an earlier one may read
        for name in _ROOTS:
            found = method(package, trainer, name)
            if found is not None:
                place, node = found
                roles = {a.arg: frozenset([Model(_ROLES[a.arg])]) for a in node.args.args if a.arg in _ROLES}
                given = {**(roles if name == "__init__" else {}), "self": self_values}
                run(package, notes, place.module, node, given)
    return notes.sorted_reads()
