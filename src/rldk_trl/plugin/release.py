"""The installed TRL release, read from its metadata and files without importing it."""

from __future__ import annotations

from dataclasses import dataclass

from packaging.version import Version

from rldk.integrations.trl.releases.installed import PPOApi, PPOModule, PPOSource, installed_ppo, installed_version


@dataclass(frozen=True)
class TRLRelease:
    """One TRL release and its PPO."""

    version: Version
    ppo_api: PPOApi | None
    """``"step"`` (0.2.0-0.11.4), ``"train"`` (0.12.0-1.12.0), or None if the release has no PPO."""
    ppo_module: PPOModule | None
    """The module of ``PPOTrainer``: ``"trl"``, ``"trl.experimental.ppo"``, or None."""
    value_model_required: bool
    """Whether ``PPOTrainer`` needs a value model. In the train API None never worked, even if it is optional."""


@dataclass(frozen=True)
class Installed:
    """What is installed, for marker decisions and the header."""

    release: TRLRelease | None
    """None if TRL is not installed."""
    problem: str | None = None
    """Why TRL's files could not be read, on one line. The release then counts as one without PPO."""

    def describe(self) -> str:
        """Return the words for TRL in skip reasons, e.g. ``the installed TRL 1.16.0 has no PPO``."""
        if self.release is None:
            return "TRL is not installed"
        if self.problem is not None:
            return f"the PPO of the installed TRL {self.release.version} cannot be read ({self.problem})"
        if self.release.ppo_api is None:
            return f"the installed TRL {self.release.version} has no PPO"
        return f"the installed TRL {self.release.version} has the {self.release.ppo_api} API"


def installed() -> Installed:
    """Return the TRL that is installed."""
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
    """Return the line for pytest's header."""
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
