"""The tables of docs/config.md, made from the library's own tables of options."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rldk.integrations.trl.config.defaults import default_runs
from rldk.integrations.trl.config.does_anyway import DOES_ANYWAY
from rldk.integrations.trl.config.unread import NEVER_READ
from rldk.integrations.trl.config.vocabulary import VOCABULARY
from rldk_maintenance.contract.tables import fill_blocks
from rldk_maintenance.markdown import table


def fill(text: str) -> str:
    """The page with every generated block made from the tables.

    Raises:
        ContractError: the page lacks a block or has an unknown one.
    """
    return fill_blocks("config.md", text, {name: make() for name, make in TABLES.items()})


def _code(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _vocabulary() -> str:
    header = ["`create_ppo_config`, `PPOv2Config` and train API", "step API", ""]
    return table(header, ([_code(row.portable), _code(row.step) or "-", row.note] for row in VOCABULARY))


def _anyway() -> str:
    rows = ([_code((option,)), _values(values)] for option, values in DOES_ANYWAY.items())
    return table(["option", "accepted where the config has no such option"], rows)


def _unread() -> str:
    rows = ([_code((option,)), _values(values), why] for option, (values, why) in NEVER_READ.items())
    return table(["option", "accepted", "any other is refused: PPO's trainer does not use it"], rows)


def _values(values: tuple[Any, ...]) -> str:
    return ", ".join(f"`{value!r}`" for value in values)


def _defaults() -> str:
    rows = []
    for option, runs in default_runs().items():
        held = [run for run in runs if len(run) > 1]
        if len(held) > 1:
            steps = [f"{since}: `{default[0]!r}`" if default else f"{since}: gone" for since, *default in runs]
            rows.append([_code((option,)), "; ".join(steps)])
    return table(["option", "default since"], rows)


TABLES: Mapping[str, Callable[[], str]] = {
    "vocabulary": _vocabulary,
    "anyway": _anyway,
    "unread": _unread,
    "defaults": _defaults,
}
