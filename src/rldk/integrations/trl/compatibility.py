"""``check_trl_compatibility``: what PPO code meets on a TRL release, installed or named."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

from rldk.integrations.trl.generations import INSTALL_HINT, PPO_RELEASES, no_ppo_message
from rldk.integrations.trl.source import PPOSource, installed_package, installed_ppo, installed_version


@dataclass(frozen=True)
class _Advice:
    """One known failure: on which releases, what is seen, what to do; every text names its issue."""

    releases: str
    warning: str
    recommendation: str
    transformers: str | None = None
    """Only with these transformers; not looked at for a version that is not the installed one."""


# Where PPO lives, for releases that are not installed; the installed one is probed instead.
_HISTORY: tuple[tuple[str, PPOSource], ...] = (
    (">=0.2.0,<0.12.0", PPOSource("step", "trl")),
    (">=0.12.0,<0.26.0", PPOSource("train", "trl")),
    (">=0.26.0,<1.13.0", PPOSource("train", "trl.experimental.ppo")),
)

_ADVICE: tuple[_Advice, ...] = (
    _Advice(
        ">=0.2.0,<0.8.0",
        "does not import with transformers 4.39 or newer: cannot import name 'top_k_top_p_filtering' "
        "(huggingface/trl#1409)",
        "pip install 'transformers<4.39', or use TRL 0.8.0 or newer",
        transformers=">=4.39",
    ),
    _Advice(
        "==0.7.3",
        "does not import without peft, which it does not declare: name 'PeftConfig' is not defined (row of the "
        "matrix)",
        "pip install peft, or use TRL 0.7.4",
    ),
    _Advice(
        "==0.9.6",
        "a plain install does not import: it pins numpy<2, and newer pyarrow needs numpy 2 (row of the matrix, lane "
        "today)",
        "install with the constraints that `python -m rldk_trl constraints 0.9.6` prints",
    ),
    _Advice(
        ">=0.12.0,<1.13.0",
        "a value-head wrapper as the policy fails: 'AutoModelForCausalLMWithValueHead' object has no attribute "
        "'generation_config' (huggingface/trl#2340, #2718)",
        "make the trainer with create_ppo_trainer, or mend the wrapper with fix_generation_config",
    ),
    _Advice(
        ">=0.12.0,<1.13.0",
        "value_model=None fails, also where the signature calls it optional (huggingface/trl#1976)",
        "let create_ppo_trainer build the value model",
    ),
    _Advice(
        ">=0.12.0,<1.13.0",
        "code for the step API fails: 'PPOTrainer' object has no attribute 'generate' or 'step' "
        "(huggingface/trl#3250)",
        "run updates with run_ppo, or pin 'trl<0.12'",
    ),
    _Advice(
        ">=0.12.0,<0.23.0",
        "saving at the end of training fails with newer transformers: _save_checkpoint() got an unexpected keyword "
        "argument 'metrics' (huggingface/trl#3998)",
        "make the trainer with create_ppo_trainer, which mends it",
    ),
    _Advice(
        ">=0.12.0,<1.10.0",
        "objective/entropy counts padding and can be negative (huggingface/trl#6121)",
        "use TRL 1.10.0 or newer where the entropy matters",
    ),
    _Advice(
        ">=0.19.0,<1.13.0",
        "bf16 is on by default, so PPOConfig() fails without an accelerator (huggingface/trl#3515)",
        "make the config with create_ppo_config, or set bf16=False and use_cpu=True",
    ),
    _Advice(
        ">=0.22.0,<1.0.0",
        "a policy with gradient checkpointing on fails: 'PolicyAndValueWrapper' object has no attribute "
        "'gradient_checkpointing_disable' (huggingface/trl#4954)",
        "turn it off before training, or use TRL 1.0.0 or newer",
    ),
    _Advice(
        ">=0.26.0,<0.29.0",
        "PPOTrainer and PPOConfig of `trl` are deprecated stubs (huggingface/trl#4223)",
        "import them from trl.experimental.ppo",
    ),
    _Advice(
        ">=0.29.0,<1.13.0",
        "PPOTrainer cannot be imported from `trl` (huggingface/trl#5051)",
        "import it from trl.experimental.ppo",
    ),
)


def check_trl_compatibility(version: str | Version | None = None) -> dict[str, Any]:
    """Say what PPO code meets on a TRL release. Nothing is imported; no input raises.

    Args:
        version: a PEP 440 version; None for the installed TRL, which is probed rather than looked up. A
            pre-release or development build is described as the release it leads to.

    Returns:
        ``trl_available`` (bool): a TRL is installed here. ``version`` (str | None): the one described.
        ``warnings``, ``recommendations`` (list[str]): one line each. ``ppo_available`` (bool), ``ppo_api``
        (``"step"``, ``"train"``, None), ``ppo_module`` (``"trl"``, ``"trl.experimental.ppo"``, None). ``tested``
        (bool): a row of the matrix ran this release and PPO trained.
    """
    installed = installed_version("trl")
    answer: dict[str, Any] = {
        "trl_available": installed_package() is not None,
        "version": version,
        "warnings": [],
        "recommendations": [],
        "ppo_available": False,
        "ppo_api": None,
        "ppo_module": None,
        "tested": False,
    }
    if version is None and (installed is None or not answer["trl_available"]):
        answer["warnings"].append("TRL is not installed here, so no PPO can run")
        answer["recommendations"].append(f"{INSTALL_HINT} (TRL {PPO_RELEASES} have PPO)")
        return answer
    try:
        described = installed if version is None else version if isinstance(version, Version) else Version(version)
    except (InvalidVersion, TypeError):
        answer["version"] = str(version)
        answer["warnings"].append(f"{version!r} is no version by PEP 440, so nothing is known of it")
        answer["recommendations"].append('name a release like "0.23.0", or none for the installed one')
        return answer
    assert described is not None
    answer["version"] = str(described)
    source = installed_ppo() if version is None else _known_ppo(described)
    answer |= {"ppo_available": source.api is not None, "ppo_api": source.api, "ppo_module": source.module}
    answer["tested"] = source.api is not None and described.public in measured_releases()
    _advise(answer, described, is_installed=described == installed)
    return answer


@cache
def measured_releases() -> frozenset[str]:
    """The releases on which the matrix saw PPO train, as public versions."""
    text = (files("rldk.integrations.trl") / "measured.json").read_text(encoding="utf-8")
    return frozenset(json.loads(text)["trained"])


def _known_ppo(version: Version) -> PPOSource:
    release = Version(version.base_version)
    for specifier, source in _HISTORY:
        if release in SpecifierSet(specifier):
            return source
    return PPOSource(None, None)


def _advise(answer: dict[str, Any], version: Version, *, is_installed: bool) -> None:
    warnings, recommendations = answer["warnings"], answer["recommendations"]
    if not answer["ppo_available"]:
        warnings.append(no_ppo_message(version))
        recommendations.append(f"{INSTALL_HINT}, or use GRPOTrainer or RLOOTrainer")
        return
    if not answer["tested"]:
        public = Version(version.public)
        what = (
            f"TRL {version} is a build before the release of {version.base_version}, and"
            if public.is_prerelease
            else ""
        )
        warnings.append(f"{what or f'TRL {version}:'} no row of the matrix has run it; {_nearest(version)}")
        recommendations.append("use a measured release, or add a row to the matrix and run it")
    elif version.local is not None:
        warnings.append(
            f"TRL {version} is a local build; the row of the matrix that passed is {version.public} as released"
        )
    transformers = installed_version("transformers") if is_installed else None
    release = Version(version.base_version)
    for advice in _ADVICE:
        if release not in SpecifierSet(advice.releases):
            continue
        if (
            advice.transformers
            and transformers
            and not SpecifierSet(advice.transformers).contains(transformers, prereleases=True)
        ):
            continue
        warnings.append(f"TRL {version}: {advice.warning}")
        if advice.recommendation not in recommendations:
            recommendations.append(advice.recommendation)


def _nearest(version: Version) -> str:
    measured = sorted(map(Version, measured_releases()))
    below = [known for known in measured if known < version][-1:]
    above = [known for known in measured if known > version][:1]
    return f"measured nearest to it: {', '.join(map(str, below + above)) or 'none'}"
