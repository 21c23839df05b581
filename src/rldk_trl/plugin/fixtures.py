"""The plugin's fixtures. They import TRL, torch and transformers only when a test uses them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

from rldk_trl.plugin.marks import config_options, one_line
from rldk_trl.plugin.options import SETTINGS
from rldk_trl.plugin.release import TRLRelease
from rldk_trl.plugin.skips import Skipped

if TYPE_CHECKING:
    from rldk_trl.plugin.setup import PPOSetup

MakePPOSetup: TypeAlias = "Callable[..., PPOSetup]"


@pytest.fixture(scope="session")
def trl_release(pytestconfig: pytest.Config) -> TRLRelease:
    """The installed TRL release and its PPO. Skips if TRL is not installed."""
    found = pytestconfig.stash[SETTINGS].installed
    if found.release is None:
        raise Skipped("needs TRL; TRL is not installed")
    return found.release


@pytest.fixture(scope="session")
def tiny_gpt2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny GPT-2 and its tokenizer, built from a fixed seed. Skips without transformers."""
    from rldk_trl.plugin.tiny import build_tiny_gpt2

    try:
        return build_tiny_gpt2(tmp_path_factory.mktemp("rldk-trl") / "tiny-gpt2")
    except ImportError as error:
        raise Skipped(f"needs transformers and torch; {_first_lines(error)}") from None


@pytest.fixture
def make_ppo_setup(
    request: pytest.FixtureRequest, pytestconfig: pytest.Config, tmp_path: Path
) -> Iterator[MakePPOSetup]:
    """A function that makes a `PPOSetup`: ``(*, model_name=None, reward=None, seed=0, **config_options)``.

    ``model_name``: a Hub id or a folder; default ``--trl-model``, or the tiny GPT-2. ``reward``: a function
    from a list of texts to a list of floats, or a model. ``config_options``: options of ``create_ppo_config``.
    Skips if TRL is missing, broken or has no PPO.
    """
    release = release_with_ppo(pytestconfig)
    from rldk_trl.plugin.isolation import isolated_accelerate, preserved_random_state
    from rldk_trl.plugin.setup import build_setup

    numbers = itertools.count()

    def make(
        *, model_name: str | Path | None = None, reward: Any = None, seed: int = 0, **config_options: Any
    ) -> PPOSetup:
        name = model_for_setup(request, pytestconfig, model_name)
        output_dir = tmp_path / f"ppo-{next(numbers)}"
        return build_setup(release, name, reward, seed, config_options, output_dir)

    with ExitStack() as stack:
        stack.enter_context(preserved_random_state())
        stack.enter_context(isolated_accelerate())
        yield make


@pytest.fixture
def ppo_setup(request: pytest.FixtureRequest, make_ppo_setup: MakePPOSetup) -> PPOSetup:
    """Models, tokenizer, config and prompts for PPO on this TRL release. Set options with ``trl_config`` marks."""
    options = config_options(request.node.iter_markers("trl_config"))
    try:
        return make_ppo_setup(**options)
    except TypeError as error:
        if not options:
            raise
        given = ", ".join(f"{name}={value!r}" for name, value in options.items())
        pytest.fail(one_line(f"trl_config({given}): {error}"), pytrace=False)


@pytest.fixture
def ppo_trainer(ppo_setup: PPOSetup) -> Any:
    """The ``PPOTrainer`` of `ppo_setup`."""
    return ppo_setup.create_trainer()


def model_for_setup(request: pytest.FixtureRequest, config: pytest.Config, asked: str | Path | None) -> str:
    """Return the Hub id or folder for a setup: the one asked for, ``--trl-model``, or the tiny GPT-2."""
    return str(asked or config.stash[SETTINGS].model or request.getfixturevalue("tiny_gpt2"))


def release_with_ppo(config: pytest.Config) -> TRLRelease:
    """Return the installed release, or skip if TRL is missing, broken or has no PPO."""
    found = config.stash[SETTINGS].installed
    if found.release is None or found.release.ppo_api is None:
        raise Skipped(f"needs a TRL with PPO (0.2.0-1.12.0); {found.describe()}")
    try:
        from rldk.integrations.trl.releases.generations import installed_generation

        installed_generation()
    except ImportError as error:
        raise Skipped(f"needs a TRL with PPO that can be imported; {_first_lines(error)}") from None
    return found.release


def _first_lines(error: BaseException) -> str:
    """Return the first line of ``error`` and, if another error is its root cause, the first line of that error."""
    root = error
    while root.__cause__ is not None:
        root = root.__cause__
    text = str(error).splitlines()[0]
    line = next(iter(str(root).splitlines()), "")
    return text if line in text else f"{text}; {type(root).__name__}: {line}"
