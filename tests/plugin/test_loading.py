from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from downstream_runs import SOURCE, Downstream, uv_install

CHECKOUT = Path(__file__).parents[2]
HEADER = "rldk-trl: TRL *"
TEST = """
    import pytest

    @pytest.mark.trl
    def test_it(): pass
"""


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This checkout, built and installed with its metadata, in a folder for PYTHONPATH."""
    folder = tmp_path_factory.mktemp("installation")
    uv_install(folder, str(CHECKOUT))
    return folder


def load(downstream: Downstream, folder: Path, *options: str) -> None:
    downstream.path(folder)
    downstream.pytester.makepyfile(test_downstream=TEST)
    result = downstream.pytester.runpytest_subprocess("-rs", "-W", "error", "--strict-markers", *options)
    result.assert_outcomes(skipped=1)
    assert len([line for line in result.outlines if line.startswith("rldk-trl: ")]) == 1


@pytest.mark.parametrize("workers", [(), ("-p", "xdist", "-n", "2")], ids=["serial", "xdist"])
def test_bare_source_tree(downstream: Downstream, workers: tuple[str, ...]) -> None:
    if workers:
        pytest.importorskip("xdist")
    load(downstream, CHECKOUT / "src", "-p", "rldk_trl", *workers)


@pytest.mark.parametrize("options", [(), ("-p", "rldk_trl")], ids=["entry point", "both"])
def test_installed(
    downstream: Downstream, installation: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    monkeypatch.delenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD")
    load(downstream, installation, *options)


def test_installed_without_autoload(downstream: Downstream, installation: Path) -> None:
    load(downstream, installation, "-p", "rldk_trl")


def test_from_a_conftest(downstream: Downstream) -> None:
    downstream.pytester.makeconftest("pytest_plugins = ['rldk_trl']")
    load(downstream, SOURCE)


def test_can_be_switched_off(downstream: Downstream, installation: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD")
    downstream.path(installation)
    downstream.pytester.makepyfile("def test_it(): pass")
    result = downstream.pytester.runpytest_subprocess("-p", "no:rldk_trl")
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line(HEADER)


HEAVY = ("torch", "transformers", "datasets", "tokenizers", "accelerate", "numpy", "peft")


def test_nothing_heavy_is_imported(downstream: Downstream, trl_folder: Callable[[str], Path], tmp_path: Path) -> None:
    # Empty stand-ins, so that an import of them would succeed and be seen; TRL is a real one.
    for name in HEAVY:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("")
    downstream.pytester.makeconftest(
        f"""
        import sys

        def pytest_unconfigure(config):
            print("heavy:", [name for name in {(*HEAVY, "trl")!r} if name in sys.modules])
        """
    )
    source = """
        import pytest

        @pytest.mark.trl(">=0.12")
        @pytest.mark.trl_ppo
        @pytest.mark.trl_requires("transformers>=5")
        def test_skipped(ppo_trainer): pass

        @pytest.mark.trl_xfail("<0.26", reason="known")
        def test_xfailed(): assert False

        def test_uses_the_release(trl_release): pass

        def test_asks_for_a_setup(ppo_setup): pass
    """
    downstream.pytester.makepyfile(test_downstream=source)
    downstream.path(trl_folder("0.25.1"), tmp_path, SOURCE)
    arguments = ("-p", "rldk_trl", "-s", "-p", "no:cacheprovider")
    for options in (("--collect-only",), ("--deselect", "test_downstream.py::test_asks_for_a_setup")):
        result = downstream.pytester.runpytest_subprocess(*arguments, *options)
        assert result.ret == pytest.ExitCode.OK
        result.stdout.fnmatch_lines(["heavy: [[][]]"])
    # And the check sees what is imported where a fixture does ask.
    result = downstream.pytester.runpytest_subprocess(*arguments)
    result.stdout.fnmatch_lines(["heavy: [[]'*"])


@pytest.mark.parametrize(
    "code",
    [
        "import rldk_trl; rldk_trl.TRLRelease; rldk_trl.PPOSetup",
        "from rldk_trl import PPOSetup, TRLRelease",
        "from rldk_trl.tiny import build_tiny_gpt2",
    ],
)
def test_import_without_pytest(code: str) -> None:
    blocked = f"import sys; sys.modules['pytest'] = None; sys.path.insert(0, {str(SOURCE)!r}); {code}"
    subprocess.run([sys.executable, "-c", blocked], check=True)


def test_unknown_name() -> None:
    import rldk_trl

    with pytest.raises(AttributeError, match="no attribute 'PPO'"):
        rldk_trl.PPO  # noqa: B018
