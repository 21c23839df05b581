from __future__ import annotations

import pytest
from downstream_runs import Downstream

SHOW = """
    def test_model(pytestconfig):
        from rldk_trl.plugin.options import SETTINGS
        print("model:", pytestconfig.stash[SETTINGS].model)
"""


def test_help(downstream: Downstream) -> None:
    result = downstream.run("", "--help")
    result.stdout.fnmatch_lines(["rldk-trl:*", "*--trl-model=NAME*", "*--trl-strict*"])
    result.stdout.fnmatch_lines(["*trl_model (string):*", "*trl_strict (bool):*"])


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--trl-model="], "ERROR: --trl-model: the name is empty*"),
        (
            ["--trl-model", "./no-such-folder"],
            "ERROR: --trl-model: folder './no-such-folder' does not exist*",
        ),
        (
            ["--trl-model", "empty"],
            "ERROR: --trl-model: folder 'empty' has no config.json; name a Hub id or a model's folder",
        ),
        (["-o", "trl_model=./nowhere"], "ERROR: ini option trl_model: folder './nowhere' does not exist*"),
        (
            ["-o", "trl_strict=perhaps"],
            "ERROR: ini option trl_strict: *'perhaps'*; write e.g. trl_strict = true",
        ),
    ],
)
def test_bad_value(downstream: Downstream, spread: tuple[str, ...], options: list[str], complaint: str) -> None:
    downstream.pytester.mkdir("empty")
    result = downstream.run(SHOW, *options, *spread)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([complaint])
    assert len([line for line in result.errlines if line.strip()]) == 1


def test_model(downstream: Downstream) -> None:
    folder = downstream.pytester.mkdir("some") / "model"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    for options, model in [
        ((), None),
        (("--trl-model", "org/name"), "org/name"),
        (("--trl-model", "some/model"), folder),
        (("-o", "trl_model=org/ini"), "org/ini"),
        (("-o", "trl_model=org/ini", "--trl-model", "org/name"), "org/name"),
    ]:
        downstream.run(SHOW, "-s", *options).stdout.fnmatch_lines([f"*model: {model}"])


def test_model_in_ini_counts_from_the_ini_file(downstream: Downstream, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = downstream.pytester.mkdir("model")
    (folder / "config.json").write_text("{}")
    downstream.pytester.makeini("[pytest]\ntrl_model = ./model\n")
    elsewhere = downstream.pytester.mkdir("elsewhere")
    monkeypatch.chdir(elsewhere)
    downstream.run(SHOW, "-s", str(downstream.pytester.path)).stdout.fnmatch_lines([f"*model: {folder}"])
