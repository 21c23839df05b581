"""The installed TRL release, known from its metadata and files; nothing of it is imported."""

from __future__ import annotations

from dataclasses import dataclass

from packaging.version import Version

from rldk.integrations.trl.releases.installed import PPOApi, PPOModule, PPOSource, installed_ppo, installed_version


@dataclass(frozen=True)
class TRLRelease:
    """One TRL release and the PPO it offers."""

    version: Version
    ppo_api: PPOApi | None
    """``"step"`` (0.2.0-0.11.4), ``"train"`` (0.12.0-1.12.0), or None where the release has no PPO."""
    ppo_module: PPOModule | None
    """Where ``PPOTrainer`` imports from: ``"trl"``, ``"trl.experimental.ppo"``, or None."""
    value_model_required: bool
    """Whether ``PPOTrainer`` needs a value model: in the train API ``None`` never worked, optional or not."""


@dataclass(frozen=True)
class Installed:
    """What is installed here, as marker decisions and the header need it."""

    release: TRLRelease | None
    """None where TRL is not installed."""
    problem: str | None = None
    """Why TRL's files could not be read, on one line; its PPO counts as absent then."""

    def describe(self) -> str:
        """TRL as skip reasons name it, e.g. ``TRL 1.16.0, which has no PPO``."""
        if self.release is None:
            return "TRL is not installed"
        if self.problem is not None:
            return f"TRL {self.release.version} is installed, whose PPO cannot be read ({self.problem})"
        if self.release.ppo_api is None:
            return f"TRL {self.release.version} is installed, which has no PPO"
        return f"TRL {self.release.version} is installed, which has the {self.release.ppo_api} API"


def installed() -> Installed:
    """Look at the TRL installed here."""
    version = installed_version("trl")
    if version is None:
        return Installed(None)
    problem = None
    try:
        source = installed_ppo()
    # A half-written file, or a stand-in for `trl` in sys.modules: unrelated tests must still run.
    except (SyntaxError, ValueError, OSError) as error:
        source = PPOSource(None, None)
        problem = " ".join(f"{type(error).__name__}: {error}".split())
    return Installed(
        TRLRelease(version, source.api, source.module, value_model_required=source.api == "train"), problem
    )


def header(found: Installed) -> str:
    """The line that pytest shows at its start."""
    if found.release is None:
        trl = "TRL not installed"
    else:
        if found.problem is not None:
            ppo = f"PPO not readable: {found.problem}"
        elif found.release.ppo_api is None:
            ppo = "no PPO"
        else:
            ppo = f"PPO: {found.release.ppo_api} API, {found.release.ppo_module}"
        trl = f"TRL {found.release.version} ({ppo})"
    others = []
    for name in ("transformers", "torch"):
        version = installed_version(name)
        others.append(f"{name} not installed" if version is None else f"{name} {version}")
    return f"rldk-trl: {trl}, {', '.join(others)}"
