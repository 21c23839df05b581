"""The library's ``config_defaults.json``: what each release's PPO config has where nothing is given.

Made by building the real configs: in each release's environment (``rldk_trl/constraints``) run
``python -m rldk_maintenance.contract.defaults FOLDER``, then once the same with ``--merge``.
Defaults that TRL's config inherits from transformers are those of the transformers of the lane `period`.
"""

from __future__ import annotations

import enum
import json
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from packaging.version import Version

from rldk.integrations.trl.config import defaults
from rldk_trl.files import write_whole

DEFAULTS_FILE = Path(defaults.__file__).with_suffix(".json")


def own_defaults(config_class: type[Any], output_dir: str) -> dict[str, Any]:
    """Build the config as TRL's user would, giving nothing but ``output_dir``, and read it.

    TRL turns bf16 on in 0.19.0 and later, before transformers refuses bf16 without an accelerator: the default is
    read from the object that was refused, and all others from one that was built with ``bf16=False, use_cpu=True``.

    Args:
        config_class: a release's ``PPOConfig`` or ``PPOv2Config``.
        output_dir: for the train API, which wants one.

    Returns:
        The options in `defaults.OPTIONS` that this class has, as plain values.
    """
    inherits = "output_dir" in getattr(config_class, "__dataclass_fields__", {})
    given = {"output_dir": output_dir} if inherits else {}
    config = object.__new__(config_class)
    first: dict[str, Any] = {}
    try:
        config.__init__(**given)
    except ValueError:
        first = {"bf16": config.bf16, "use_cpu": config.use_cpu}
        config = config_class(**given, bf16=False, use_cpu=True)
    values = {**vars(config), **first}
    return {name: plain(values[name]) for name in defaults.OPTIONS if name in values}


def plain(value: Any) -> Any:
    """A default as JSON has it."""
    return value.value if isinstance(value, enum.Enum) else value


def merge(readings: Mapping[str, Mapping[str, Any]]) -> dict[str, list[list[Any]]]:
    """Option -> ``[since release, default]``, one for each time it changed; only ``[since release]`` where it went."""
    table: dict[str, list[list[Any]]] = {}
    for option in defaults.OPTIONS:
        runs: list[list[Any]] = []
        for release in sorted(readings, key=Version):
            now = [readings[release][option]] if option in readings[release] else []
            if (runs[-1][1:] if runs else []) != now:
                runs.append([release, *now])
        table[option] = runs
    return table


def dump(table: Mapping[str, list[list[Any]]]) -> str:
    """The file's text, an option a line."""
    rows = [f"  {json.dumps(option)}: {json.dumps(runs)}" for option, runs in table.items()]
    return "{\n" + ",\n".join(rows) + "\n}\n"


def main(arguments: list[str]) -> None:
    """Read the installed release into a folder, or merge the folder; see above."""
    folder = Path(arguments[0])
    if "--merge" in arguments:
        readings = {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in folder.glob("*.json")}
        write_whole(DEFAULTS_FILE, dump(merge(readings)))
        return
    from rldk.integrations.trl.releases.generations import installed_generation

    values = own_defaults(installed_generation().config, str(folder))
    write_whole(folder / f"{version('trl')}.json", json.dumps(values))


if __name__ == "__main__":
    main(sys.argv[1:])
