"""The fixture `ppo_processes`: a function in several processes, each with a setup for PPO."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from rldk_trl.cell_protocol import WORLD_VARIABLE
from rldk_trl.plugin.fixtures import model_for_setup, release_with_ppo
from rldk_trl.plugin.worlds import WORLDS, without_compiler
from rldk_trl.processes.functions import FunctionName
from rldk_trl.processes.group import ProcessGroup

if TYPE_CHECKING:
    from rldk_trl.plugin.release import TRLRelease

_TIMEOUT_S = 120.0


@dataclass
class PPOProcesses:
    """Several processes on CPU that train together. Made by the fixture `ppo_processes`."""

    group: ProcessGroup
    release: TRLRelease
    timeout_s: float
    setup: dict[str, Any]
    """Arguments of ``build_setup``, for every process."""

    def run(self, function: Callable[..., Any], *args: Any) -> list[Any]:
        """Call ``function(setup, *args)`` in each process, with a fresh `PPOSetup`, and return the results by rank.

        The processes are those of one distributed run (gloo, on CPU), as if ``torchrun`` had started them. The setups
        are equal: the same weights, prompts, config and output folder.

        Args:
            function: At the top of a test module. Its result must be something that can be pickled.
            *args: Arguments that can be pickled.

        Raises:
            TypeError: The function or an argument cannot be sent to another process.
            RankError: A process died.
            RanksHungError: Not done after ``timeout_s``. The message says where each rank was.
            BaseException: The exception of the rank that failed first. The other ranks are stopped.
        """
        named = FunctionName.of(function)
        try:
            return self.group.run(_in_rank, named, self.setup, args, timeout_s=self.timeout_s, called=named)
        finally:
            for rank, text in enumerate(self.outputs):
                for line in text.splitlines():
                    print(f"[rank {rank}] {line}")

    @property
    def outputs(self) -> list[str]:
        """What each rank wrote to standard output and standard error in the last `run`."""
        return self.group.outputs


@pytest.fixture(scope="session")
def _process_groups() -> Iterator[dict[tuple[str, int], ProcessGroup]]:
    # Processes stay for the tests that follow: their start and their imports take seconds.
    groups: dict[tuple[str, int], ProcessGroup] = {}
    yield groups
    for group in groups.values():
        group.end()


@pytest.fixture
def ppo_processes(
    request: pytest.FixtureRequest,
    pytestconfig: pytest.Config,
    tmp_path: Path,
    _process_groups: dict[tuple[str, int], ProcessGroup],
) -> Callable[..., PPOProcesses]:
    """A function that makes a `PPOProcesses`: ``(size=2, *, timeout_s=120, seed=0, reward=None, **config_options)``.

    ``size``: the number of processes. ``timeout_s``: seconds for one run, the first one's imports included; then all
    are killed. ``reward``: a function at the top of a test module. ``model_name`` and ``config_options``: as for
    `make_ppo_setup`. Skips if TRL is missing, broken or has no PPO.
    """
    release = release_with_ppo(pytestconfig)
    name = os.environ.get(WORLD_VARIABLE, "ddp")
    world = WORLDS.get(name)
    if world is None:
        pytest.fail(f"{WORLD_VARIABLE}={name}: ppo_processes knows {', '.join(WORLDS)}", pytrace=False)

    def make(
        size: int = 2,
        *,
        timeout_s: float = _TIMEOUT_S,
        model_name: str | Path | None = None,
        reward: Any = None,
        seed: int = 0,
        **config_options: Any,
    ) -> PPOProcesses:
        if (name, size) not in _process_groups:
            _process_groups[name, size] = ProcessGroup(size, world.environment)
        setup = {
            "release": release,
            "model_name": model_for_setup(request, pytestconfig, model_name),
            "reward": FunctionName.of(reward) if callable(reward) else reward,
            "seed": seed,
            "options": world.options | config_options,
            "output_dir": tmp_path / "ppo",
        }
        return PPOProcesses(_process_groups[name, size], release, timeout_s, setup)

    return make


def _in_rank(function: FunctionName, arguments: dict[str, Any], args: tuple[Any, ...]) -> Any:
    """Run in a rank: make the setup and call the function."""
    from rldk_trl.plugin.isolation import isolated_accelerate, preserved_random_state
    from rldk_trl.plugin.setup import build_setup

    reward = arguments["reward"]
    arguments = arguments | {"reward": reward.find() if isinstance(reward, FunctionName) else reward}
    found = function.find()
    without_compiler()
    gc.freeze()  # TRL's train API collects garbage all through an update, over everything imported
    with preserved_random_state(), isolated_accelerate():
        return found(build_setup(**arguments), *args)
