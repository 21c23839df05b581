"""Markers on real TRL wheels, not importable here: decisions need their metadata and files alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from downstream_runs import Downstream, fake_distribution

TrlFolder = Callable[[str], Path]

APIS = """
    import pytest

    @pytest.mark.trl
    def test_trl(): pass

    @pytest.mark.trl_ppo
    def test_ppo(): pass

    @pytest.mark.trl_ppo("step")
    def test_step(): pass

    @pytest.mark.trl_ppo("train")
    def test_train(): pass

    def test_release(trl_release):
        print(trl_release)
        print(trl_release.version.release)
"""


@pytest.mark.parametrize(
    ("version", "api", "module"),
    [
        ("0.11.4", "step", "trl"),
        ("0.12.2", "train", "trl"),
        ("0.25.1", "train", "trl"),
        ("0.26.2", "train", "trl.experimental.ppo"),
        ("0.29.0", "train", "trl.experimental.ppo"),
        ("1.0.0rc1", "train", "trl.experimental.ppo"),
        ("1.12.0", "train", "trl.experimental.ppo"),
        ("1.13.0", None, None),
    ],
)
def test_release(
    downstream: Downstream, trl_folder: TrlFolder, version: str, api: str | None, module: str | None
) -> None:
    result = downstream.run(APIS, "-v", "-s", "--strict-markers", "-W", "error", trl=trl_folder(version))
    ppo = "no PPO" if api is None else f"PPO: {api} API, {module}"
    result.stdout.fnmatch_lines([f"rldk-trl: TRL {version} ({ppo}), transformers not installed, torch not installed"])
    result.stdout.fnmatch_lines(
        [
            f"*TRLRelease(version=<Version('{version}')>, ppo_api={api!r}, ppo_module={module!r}, "
            f"value_model_required={api == 'train'})"
        ]
    )
    skipped = {"step": ["test_train"], "train": ["test_step"], None: ["test_ppo", "test_step", "test_train"]}[api]
    for test in ("test_trl", "test_ppo", "test_step", "test_train"):
        result.stdout.fnmatch_lines([f"*::{test} {'SKIPPED' if test in skipped else 'PASSED'}*"])
    result.assert_outcomes(passed=5 - len(skipped), skipped=len(skipped))


def test_without_trl(downstream: Downstream) -> None:
    result = downstream.run(APIS)
    result.stdout.fnmatch_lines(
        [
            "rldk-trl: TRL not installed, transformers not installed, torch not installed",
            "*needs TRL; TRL is not*",
        ]
    )
    result.assert_outcomes(skipped=5)


def test_reason_names_the_line_and_both_sides(downstream: Downstream, trl_folder: TrlFolder) -> None:
    source = """
        import pytest

        @pytest.mark.trl("<0.12", reason="step() left")
        def test_old(): pass
    """
    result = downstream.run(source, trl=trl_folder("0.25.1"))
    result.stdout.fnmatch_lines(
        ["SKIPPED [[]1[]] test_downstream.py:3: step() left (needs TRL <0.12; TRL 0.25.1 is installed)"]
    )


def test_marks_of_function_class_and_module_add_up(downstream: Downstream, trl_folder: TrlFolder) -> None:
    source = """
        import pytest

        pytestmark = pytest.mark.trl(">=0.12")

        @pytest.mark.trl_requires("pytest>=7.4")
        class TestClass:
            @pytest.mark.trl("<0.26")
            def test_all_hold(self): pass

            @pytest.mark.trl("<0.20")
            def test_own_fails(self): pass

        @pytest.mark.trl_requires("no-such-thing")
        class TestUnmet:
            def test_class_fails(self): pass

        @pytest.mark.parametrize("n", [1, pytest.param(2, marks=pytest.mark.trl("<0.20"))])
        def test_parameter(n): assert n == 1
    """
    downstream.run(source, trl=trl_folder("0.25.1")).assert_outcomes(passed=2, skipped=3)
    downstream.run(source, trl=trl_folder("0.11.4")).assert_outcomes(skipped=5)


def test_xfail(downstream: Downstream, trl_folder: TrlFolder) -> None:
    source = """
        import pytest

        @pytest.mark.trl_xfail("<0.26", reason="known")
        def test_fails(): assert False

        @pytest.mark.trl_xfail("<0.26", reason="known")
        def test_passes_although_strict(): pass

        @pytest.mark.trl_xfail("<0.26", reason="known", strict=False)
        def test_passes_unstrict(): pass

        @pytest.mark.trl_xfail("<0.26", reason="known", raises=TypeError)
        def test_raises_other(): raise ValueError

        @pytest.mark.trl_xfail("<0.26", reason="known", raises=(KeyError, ValueError))
        def test_raises(): raise ValueError

        @pytest.mark.trl_xfail(">=0.26", reason="known")
        def test_does_not_hold(): pass
    """
    result = downstream.run(source, "-v", trl=trl_folder("0.25.1"))
    result.assert_outcomes(passed=1, failed=2, xfailed=2, xpassed=1)
    result.stdout.fnmatch_lines_random(
        ["*::test_fails XFAIL*(known)*", "*XPASS(strict)*", "FAILED *::test_raises_other*"]
    )


@pytest.mark.parametrize(
    ("version", "skipped"), [("0.26.0.dev0", []), ("9.0.0rc1", ["test_local"]), ("0.26.0+local", [])]
)
def test_builds_before_a_release(downstream: Downstream, tmp_path: Path, version: str, skipped: list[str]) -> None:
    # Metadata alone stands in for a development build and a release of the future, which cannot be had.
    source = """
        import pytest

        @pytest.mark.trl(">=0.26")
        def test_at_least(): pass

        @pytest.mark.trl("==0.26.0")
        def test_local(): pass
    """
    folder = fake_distribution(tmp_path / "fake", "trl", version)
    result = downstream.run(source, "-v", trl=folder)
    result.assert_outcomes(passed=2 - len(skipped), skipped=len(skipped))
    result.stdout.fnmatch_lines([f"rldk-trl: TRL {version} (no PPO), *"])
    for test in skipped:
        result.stdout.fnmatch_lines([f"*::{test} SKIPPED*"])


def test_markers_are_registered(downstream: Downstream) -> None:
    result = downstream.run("", "--markers")
    for name in (
        "trl(*specifiers",
        "trl_ppo(api",
        "trl_requires(*req",
        "trl_xfail(*spec",
        "trl_config(**opt",
    ):
        result.stdout.fnmatch_lines([f"@pytest.mark.{name}*"])


def test_marks_added_by_a_conftest_count(downstream: Downstream) -> None:
    downstream.pytester.makeconftest(
        """
        import pytest

        def pytest_collection_modifyitems(items):
            for item in items:
                item.add_marker(pytest.mark.trl)
        """
    )
    downstream.run("def test_it(): pass").assert_outcomes(skipped=1)
