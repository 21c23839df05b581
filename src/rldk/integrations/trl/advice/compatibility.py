"""``check_trl_compatibility``: what PPO code meets on a TRL release, installed or named."""

from __future__ import annotations

from typing import Any

from packaging.version import InvalidVersion, Version

from rldk.integrations.trl.advice.failures import failure
from rldk.integrations.trl.releases.boundaries import (
    INSTALL_HINT,
    PPO_RELEASES,
    is_in,
    known_ppo,
    nearest_measured,
    no_ppo_message,
)
from rldk.integrations.trl.releases.installed import installed_package, installed_ppo, installed_version
from rldk.integrations.trl.releases.measured import measured_releases

# The entries of the catalogue that are said of a release before anything was made with it.
_SAID_OF_ANY = (
    *("top-k-top-p-filtering", "trackio-not-in-transformers", "peft-not-declared", "pyarrow-wants-numpy-2"),
    "checkpoint-with-metrics",
)
_SAID_OF_THE_TRAIN_API = (
    *("wrapper-without-generation-config", "value-model-none", "step-api-calls"),
    *("bf16-without-accelerator", "policy-with-gradient-checkpointing", "imported-from-trl"),
)

# What runs and is not what it seems: releases, warning with its issue, recommendation.
_TRAPS: tuple[tuple[str, str, str], ...] = (
    (
        ">=0.12.0,<1.10.0",
        "objective/entropy counts padding and can be negative (huggingface/trl#6121)",
        "use TRL 1.10.0 or newer where the entropy matters",
    ),
    (
        ">=0.26.0,<0.29.0",
        "PPOTrainer and PPOConfig of `trl` are deprecated stubs (huggingface/trl#4223)",
        "import them from trl.experimental.ppo",
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
    source = installed_ppo() if version is None else known_ppo(described)
    answer |= {"ppo_available": source.api is not None, "ppo_api": source.api, "ppo_module": source.module}
    answer["tested"] = source.api is not None and described.public in measured_releases()
    _advise(answer, described)
    return answer


def _advise(answer: dict[str, Any], version: Version) -> None:
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
        warnings.append(
            f"{what or f'TRL {version}:'} no row of the matrix has run it; "
            f"measured nearest to it: {nearest_measured(version)}"
        )
        recommendations.append("use a measured release, or add a row to the matrix and run it")
    elif version.local is not None:
        warnings.append(
            f"TRL {version} is a local build; the row of the matrix that passed is {version.public} as released"
        )
    said = _SAID_OF_ANY + (_SAID_OF_THE_TRAIN_API if answer["ppo_api"] == "train" else ())
    known = [failure(one) for one in said]
    advice = [
        *((f"{entry.cause} ({entry.reference})", entry.advice) for entry in known if entry.happens_on(version)),
        *((warning, advice) for releases, warning, advice in _TRAPS if is_in(version, releases)),
    ]
    for warning, recommendation in advice:
        warnings.append(f"TRL {version}: {warning}")
        if recommendation not in recommendations:
            recommendations.append(recommendation)
