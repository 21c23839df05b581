"""The public names of a wheel, where they can be imported from, and which of them PPO's own modules have."""

from __future__ import annotations

import re

from rldk_maintenance.contract.package import Import, TRLPackage

# PPO's own modules in any release: every public name that they define counts. What they import from other modules of
# TRL counts too, under the module that has it.
_PPO_MODULE = re.compile(
    r"trl\.(?:ppo|gpt2|core|trainer\.ppo\w*|models\.modeling_(?:base|value_head)|experimental\.ppo\.\w+"
    r"|extras\.best_of_n_sampler|environment\.base_environment)"
)
# Other trainers' modules have nothing that PPO code imports, and reading them takes most of the time.
_NOT_READ = re.compile(r"trl\.(?:scripts|cli|commands|generation)\b.*|.*\.(?!ppo|base)\w+_(?:trainer|config)")


def name_facts(package: TRLPackage) -> dict[str, str | list[str]]:
    """``ppo names``, ``module M`` for each module and ``place NAME`` (its modules) for each public name of a release.

    `name_places.ppo_names_only` then keeps those that were PPO's in some release.
    """
    places: dict[str, list[str]] = {}
    wanted: set[str] = set()
    modules = [module for module in package.modules() if not _NOT_READ.fullmatch(module)]
    for module in modules:
        for name in package.listed(module):
            if package.gives(module, name):
                places.setdefault(f"place {name}", []).append(module)
        if _PPO_MODULE.fullmatch(module):
            bound = package.bindings(module).items()
            wanted |= package.listed(module)
            wanted |= {name for name, one in bound if isinstance(one, Import) and one.module.startswith("trl.")}
    return {"ppo names": sorted(wanted), **{f"module {module}": "" for module in modules}, **places}
