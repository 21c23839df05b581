"""Reads one release's wheel into facts: flat names with plain values, so that releases can be compared."""

from __future__ import annotations

import zipfile
import zlib

from rldk.integrations.trl.releases.installed import find_ppo
from rldk_maintenance.contract.classes import config_fields, constructor, lineage, set_after_init, warns
from rldk_maintenance.contract.names import name_facts
from rldk_maintenance.contract.package import Found, TRLPackage
from rldk_maintenance.errors import ContractError

Value = str | list[str]
Facts = dict[str, Value]

TRAINERS = ("PPOTrainer", "PPOv2Trainer")
CONFIGS = ("PPOConfig", "PPOv2Config")
VALUE_HEADS = (
    "AutoModelForCausalLMWithValueHead",
    "AutoModelForSeq2SeqLMWithValueHead",
    "PreTrainedModelWrapper",
)
CLASSES = (*TRAINERS, *CONFIGS, *VALUE_HEADS)
NAMESPACES = ("trl", "trl.experimental.ppo")


def read_release(wheel: bytes) -> tuple[Facts, str | None]:
    """The facts of a release, and the Python versions that it supports.

    Names of facts: ``ppo`` ("api module", as `find_ppo` says), ``defined CLASS``, ``exported NAMESPACE CLASS`` (the
    module it comes from), ``constructor TRAINER``, ``constructor trl.PPOTrainer`` where that is another one,
    ``warns CLASS``, ``config CONFIG FIELD``, ``config bases CONFIG`` and ``post_init CONFIG FIELD``, and those of
    `name_facts`. A fact that does not apply to a release is absent.

    Raises:
        ContractError: it is not a wheel of TRL, or a file that matters is not Python.
    """
    package = TRLPackage(wheel)
    try:
        return {**_facts(package), **name_facts(package)}, package.requires_python()
    except SyntaxError as error:
        raise ContractError(
            f"{error.filename}, line {error.lineno}: not Python of this version ({error.msg})"
        ) from None
    except (zipfile.BadZipFile, zlib.error) as error:
        raise ContractError(f"a file of its wheel is damaged ({error})") from None
    except UnicodeDecodeError as error:
        raise ContractError(f"a file of its wheel is not UTF-8 ({error.reason})") from None


def _facts(package: TRLPackage) -> Facts:
    facts: Facts = {}
    defined = package.defining_modules(frozenset(CLASSES))
    for name in CLASSES:
        if name in defined:
            facts[f"defined {name}"] = defined[name]
        for namespace in NAMESPACES:
            origin = package.exported(namespace, name)
            if origin is not None:
                facts[f"exported {namespace} {name}"] = origin
    source = find_ppo(package.folder())
    if source.api is not None and source.module is not None:
        facts["ppo"] = f"{source.api} {source.module}"
        _trainer_facts(package, facts, package.exported(source.module, "PPOTrainer"), "PPOTrainer")
        _stub_facts(package, facts, source.module)
    for module in defined.get("PPOv2Trainer", []):
        _trainer_facts(package, facts, module, "PPOv2Trainer")
    return facts


def _trainer_facts(package: TRLPackage, facts: Facts, module: str | None, name: str) -> None:
    trainer = package.resolve(module, name) if module is not None else None
    if not isinstance(trainer, Found):
        raise ContractError(f"{name} is in its files but not exported from where it should be")
    _constructor_facts(package, facts, trainer, name)
    config_name = name.replace("Trainer", "Config")
    config = package.resolve(trainer.module, config_name)
    if isinstance(config, Found):
        fields = config_fields(package, config)
        facts |= {f"config {config_name} {field}": default for field, default in fields.items()}
        facts[f"config bases {config_name}"] = lineage(package, config)[1]
        for field, value in set_after_init(package, config, fields).items():
            facts[f"post_init {config_name} {field}"] = value


def _constructor_facts(package: TRLPackage, facts: Facts, trainer: Found, name: str) -> None:
    form = constructor(package, trainer)
    if form is None:
        raise ContractError(f"{name} has no constructor in its files")
    facts[f"constructor {name}"] = form
    if given := warns(package, trainer):
        facts[f"warns {name}"] = given


def _stub_facts(package: TRLPackage, facts: Facts, module: str) -> None:
    stub = package.exported("trl", "PPOTrainer")
    if module == "trl" or stub is None:
        return
    found = package.resolve(stub, "PPOTrainer")
    if isinstance(found, Found):
        _constructor_facts(package, facts, found, "trl.PPOTrainer")
