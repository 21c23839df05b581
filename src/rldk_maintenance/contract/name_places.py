"""The names that PPO code ever imported from TRL, and the library's ``names.json``: which releases have them where."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from rldk.integrations.trl.advice import names
from rldk_maintenance.contract.data import Contract, ReleaseReading
from rldk_maintenance.contract.reading import Facts

NAMES_FILE = Path(names.__file__).parent / "names.json"


def ppo_names_only(releases: Iterable[ReleaseReading]) -> list[ReleaseReading]:
    """Leave out the names that PPO's modules have in none of the releases, and the modules without such a name."""
    releases = list(releases)
    wanted = {f"place {name}" for release in releases for name in release.facts.get("ppo names", [])}
    places = [places for release in releases for name, places in release.facts.items() if name in wanted]
    wanted |= {f"module {module}" for modules in places for module in modules}
    return [replace(release, facts=_kept(release.facts, wanted)) for release in releases]


def _kept(facts: Facts, wanted: set[str]) -> Facts:
    return {
        name: value
        for name, value in facts.items()
        if name != "ppo names" and (name in wanted or not name.startswith(("place ", "module ")))
    }


def dump(contract: Contract) -> str:
    """The file's text: for each module, and for each name and module, the releases that have it, as specifiers."""
    content = {
        "modules": {name.split()[1]: _spans(contract, name) for name in contract.names("module ")},
        "names": {
            name.split()[1]: {
                module: _spans(contract, name, module)
                for module in sorted({one for run in contract.runs(name) for one in run.value})
            }
            for name in sorted(contract.names("place "))
        },
    }
    return json.dumps(content, indent=1, sort_keys=True) + "\n"


def _spans(contract: Contract, fact: str, module: str | None = None) -> str:
    """The releases that have a module, or a name in a module, as PEP 440 specifiers joined by ``or``."""
    spans, last = [], False
    for release in contract.releases:
        has = fact in release.facts and (module is None or module in release.facts[fact])
        if has and not last:
            spans.append(f">={release.version}")
        elif last and not has:
            spans[-1] += f",<{release.version}"
        last = has
    return " or ".join(spans)
