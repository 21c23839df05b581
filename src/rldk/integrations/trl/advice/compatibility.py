"""``check_trl_compatibility``: known problems of PPO code on a TRL release, installed or not."""

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

# The failures of the catalogue that are reported for a release as such, without looking at any code.
_SAID_OF_ANY = (
    *("top-k-top-p-filtering", "trackio-not-in-transformers", "peft-not-declared", "pyarrow-wants-numpy-2"),
    "checkpoint-with-metrics",
)
_SAID_OF_THE_TRAIN_API = (
    *("wrapper-without-generation-config", "value-model-none", "step-api-calls"),
    *("bf16-without-accelerator", "policy-with-gradient-checkpointing", "imported-from-trl"),
)

# Problems that raise no error: releases, warning with its issue, recommendation.
_TRAPS: tuple[tuple[str, str, str], ...] = (
    (
        ">=0.12.0,<1.10.0",
        "objective/entropy counts padding and can be negative (huggingface/trl#6121)",
        "use TRL 1.10.0 or newer if you need the entropy",
    ),
    (
        ">=0.26.0,<0.29.0",
        "PPOTrainer and PPOConfig in `trl` are deprecated stubs (huggingface/trl#4223)",
        "import them from trl.experimental.ppo",
    ),
)


def check_trl_compatibility(version: str | Version | None = None) -> dict[str, Any]:
    """Report the known problems of PPO code on a TRL release. Does not import TRL and never raises.

    Args:
        version: A PEP 440 version. None for the installed TRL, which is probed instead of looked up. A pre-release or
            development build is treated as its final release.

    Returns:
        A dict with ``trl_available`` (bool): whether TRL is installed here; ``version`` (str | None): the version
        described; ``warnings`` and ``recommendations`` (list[str]): one line each; ``ppo_available`` (bool);
        ``ppo_api`` (``"step"``, ``"train"`` or None); ``ppo_module`` (``"trl"``, ``"trl.experimental.ppo"`` or None);
        ``tested`` (bool): whether PPO trained on this release in a row of the matrix.
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
    rldk = installed_version("rldk") if version is None else None
    if rldk is not None:
        answer["warnings"].append(
            f"rldk {rldk} is installed too: rldk.integrations.trl is imported from rldk-trl, which hides rldk's own"
        )
        answer["recommendations"].append("install rldk and rldk-trl in separate environments")
    if version is None and (installed is None or not answer["trl_available"]):
        answer["warnings"].append("TRL is not installed here, so no PPO can run")
        answer["recommendations"].append(f"{INSTALL_HINT} (TRL {PPO_RELEASES} have PPO)")
        return answer
    try:
        described = installed if version is None else version if isinstance(version, Version) else Version(version)
    except (InvalidVersion, TypeError):
        answer["version"] = str(version)
        answer["warnings"].append(f"{version!r} is not a PEP 440 version, so nothing is known about it")
        answer["recommendations"].append('pass a release like "0.23.0", or nothing for the installed one')
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
            f"TRL {version} is a pre-release or development build of {version.base_version} and"
            if public.is_prerelease
            else ""
        )
        warnings.append(
            f"{what or f'TRL {version}'} was not tested in any row of the matrix; "
            f"nearest tested releases: {nearest_measured(version)}"
        )
        recommendations.append("use a tested release, or add a row to the matrix and run it")
    elif version.local is not None:
        warnings.append(
            f"TRL {version} is a local build; the row of the matrix that passed ran {version.public} as released"
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
