"""The tables of docs/generations.md, made from ``releases.json``."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from itertools import groupby

from rldk_maintenance.contract.data import Contract, ReleaseReading, Run
from rldk_maintenance.contract.reading import CLASSES, NAMESPACES, TRAINERS, Value
from rldk_maintenance.errors import ContractError
from rldk_maintenance.markdown import table

_BLOCK = re.compile(r"(<!-- contract: (?P<name>[a-z0-9-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def fill(text: str, contract: Contract) -> str:
    """The page docs/generations.md with every generated block made from the data.

    Raises:
        ContractError: the page lacks a block or has an unknown one.
    """
    return fill_blocks("generations.md", text, {name: make(contract) for name, make in TABLES.items()})


def fill_blocks(page: str, text: str, blocks: Mapping[str, str]) -> str:
    """A page with the content of its generated blocks replaced.

    Raises:
        ContractError: the page lacks a block or has an unknown one.
    """
    found = [match["name"] for match in _BLOCK.finditer(text)]
    if sorted(found) != sorted(blocks):
        odd = sorted(set(found) ^ set(blocks)) or found
        raise ContractError(f"{page}: the blocks are not {', '.join(blocks)}, each once; look at {odd[0]!r}")
    return _BLOCK.sub(lambda match: f"{match[1]}\n{blocks[match['name']]}\n\n{match[3]}", text)


def _code(values: Value | None) -> str:
    parts = [values] if isinstance(values, str) else values or []
    return ", ".join(f"`{part}`" for part in parts)


def _generations(contract: Contract) -> str:
    facts = ("ppo", "constructor PPOTrainer", "exported trl PPOTrainer", "defined PPOTrainer")

    def form(release: ReleaseReading) -> list[Value | None]:
        # The module that defines it matters only where nothing exports it.
        values = [release.facts.get(fact) for fact in facts]
        return values if values[0] is None else [*values[:3], None]

    rows = []
    for (ppo, parameters, _, defined), group in groupby(contract.releases, form):
        releases = list(group)
        api, _, module = str(ppo or "").partition(" ")
        stub = releases[0].facts.get("constructor trl.PPOTrainer")
        note = f"; `trl.PPOTrainer` is a stub, `({', '.join(stub)})`" if stub else ""
        place = f"`{module}`{note}" if module else f"none (a class in {_code(defined)})" if defined else "none"
        rows.append([_span(releases), str(len(releases)), api or "none", place, _code(parameters)])
    return table(["TRL", "releases", "API", "`PPOTrainer` from", "constructor"], rows)


def _span(releases: list[ReleaseReading]) -> str:
    first, last = releases[0].version, releases[-1].version
    return first if first == last else f"{first}-{last}"


def _ppov2(contract: Contract) -> str:
    rows = []
    facts = ("constructor PPOv2Trainer", "exported trl PPOv2Trainer", "defined PPOv2Trainer", "warns PPOv2Trainer")
    for key, group in groupby(contract.releases, lambda release: [release.facts.get(fact) for fact in facts]):
        parameters, exported, defined, warned = key
        if parameters is not None:
            rows.append([_span(list(group)), _code("trl" if exported else defined), _code(parameters), _code(warned)])
    return table(["TRL", "`PPOv2Trainer` from", "constructor", "warns"], rows)


def _places(contract: Contract) -> str:
    rows = []
    for name in CLASSES:
        exports = [contract.runs(f"exported {namespace} {name}") for namespace in NAMESPACES]
        defined = [f"{run}: {_code(run.value)}" for run in contract.runs(f"defined {name}")]
        rows.append([_code(name), *(_spans(runs) for runs in exports), "; ".join(defined)])
    return table(["class", "from `trl`", "from `trl.experimental.ppo`", "defined in"], rows)


def _spans(runs: list[Run]) -> str:
    return ", ".join(map(str, runs)) or "-"


def _names(contract: Contract) -> str:
    rows = []
    for fact in sorted(contract.names("place ")):
        places = [f"{run}: {_code(run.value)}" for run in contract.runs(fact)]
        rows.append([_code(fact.removeprefix("place ")), "; ".join(places)])
    return table(["name", "releases: modules"], rows)


def _parameters(contract: Contract) -> str:
    """Each parameter of a trainer's constructor: releases where it must be given, and where it may be."""
    rows = []
    for trainer in TRAINERS:
        fact = f"constructor {trainer}"
        names: dict[str, None] = {}
        for run in contract.runs(fact):
            names |= dict.fromkeys(text.partition("=")[0] for text in run.value if not text.startswith("*"))
        for name in names:
            forms = [(release, _form(release.facts.get(fact), name)) for release in contract.releases]
            required, optional = (_where(forms, form) for form in ("required", "optional"))
            rows.append([_code(trainer), _code(name), required, optional])
    return table(["trainer", "parameter", "required", "optional"], rows)


def _form(parameters: Value | None, name: str) -> str | None:
    for text in parameters or []:
        if text.partition("=")[0] == name:
            return "optional" if "=" in text else "required"
    return None


def _where(forms: list[tuple[ReleaseReading, str | None]], form: str) -> str:
    groups = [(key, list(group)) for key, group in groupby(forms, lambda pair: pair[1])]
    return ", ".join(_span([release for release, _ in group]) for key, group in groups if key == form) or "-"


def _fields(contract: Contract) -> str:
    rows = []
    for config in ("PPOConfig", "PPOv2Config"):
        prefix = f"config {config} "
        for fact in sorted(contract.names(prefix)):
            field = fact.removeprefix(prefix)
            spans = [f"{run}: {_code(run.value)}" for run in contract.runs(fact)]
            after = [f"{run}: {_code(run.value)}" for run in contract.runs(f"post_init {config} {field}")]
            rows.append([_code(config), _code(field), "; ".join(spans), "; ".join(after)])
    return table(["config", "option", "releases: default", "`__post_init__` may set"], rows)


def _warnings(contract: Contract) -> str:
    rows = [
        [_code(fact.removeprefix("warns ")), str(run), _code(run.value)]
        for fact in contract.names("warns ")
        for run in contract.runs(fact)
    ]
    return table(["constructing", "releases", "warns"], rows)


def _pythons(contract: Contract) -> str:
    yanked = [release.version for release in contract.releases if release.yanked]
    dates = [release.date for release in contract.releases if release.date]
    rows = [
        [_span(list(group)), _code(requires)]
        for requires, group in groupby(contract.releases, lambda release: release.requires_python)
    ]
    counted = f"{len(contract.releases)} releases, {min(dates, default='?')} to {max(dates, default='?')}; yanked: "
    return counted + (", ".join(yanked) or "none") + ".\n\n" + table(["TRL", "Python"], rows)


TABLES: Mapping[str, Callable[[Contract], str]] = {
    "generations": _generations,
    "ppov2": _ppov2,
    "places": _places,
    "names": _names,
    "parameters": _parameters,
    "options": _fields,
    "warnings": _warnings,
    "pythons": _pythons,
}
