"""The library's ``option_releases.json``: the releases on which PPO honours an option."""

from __future__ import annotations

import json
from pathlib import Path

from rldk.integrations.trl.config import refusals
from rldk.integrations.trl.config.unread import NEVER_READ
from rldk_maintenance.contract.data import Contract, ReleaseReading

OPTIONS_FILE = Path(refusals.__file__).parent / "option_releases.json"


def option_releases(contract: Contract) -> dict[str, str]:
    """Option -> releases, as ``0.2.0-0.11.4`` or ``0.2.0-0.7.3, 0.12.0``, among the releases that have PPO.

    Every release with the train API has the options of transformers' ``TrainingArguments`` that
    `refusals.TRAINING_ARGUMENTS` names, even where TRL does not define them again. No such release honours those that
    `unread.NEVER_READ` names.
    """
    ppo = [release for release in contract.releases if release.facts.get("ppo")]
    names = {name.rpartition(" ")[2] for name in contract.names("config PPOConfig ")} | refusals.TRAINING_ARGUMENTS
    table = {}
    for name in sorted(names):
        has = [_honours(name, release) for release in ppo]
        if not any(has):
            continue
        starts = [i for i, now in enumerate(has) if now and (i == 0 or not has[i - 1])]
        ends = [i for i, now in enumerate(has) if now and (i + 1 == len(has) or not has[i + 1])]
        table[name] = ", ".join(
            ppo[a].version if a == b else f"{ppo[a].version}-{ppo[b].version}"
            for a, b in zip(starts, ends, strict=True)
        )
    return table


def _honours(name: str, release: ReleaseReading) -> bool:
    train = str(release.facts["ppo"]).startswith("train ")
    if train and name in NEVER_READ:
        # Ignoring an option is not honouring it, but `remove_unused_columns=False` is what the train API does.
        return name == "remove_unused_columns"
    if name == "gradient_accumulation_steps" and not train:
        # 0.4.1-0.4.7 have the option and use it wrongly. Releases that do it right have this one beside it.
        name = "backward_batch_size"
    return f"config PPOConfig {name}" in release.facts or (train and name in refusals.TRAINING_ARGUMENTS)


def dump(contract: Contract) -> str:
    """The file's text."""
    return json.dumps(option_releases(contract), indent=2) + "\n"
