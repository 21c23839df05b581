"""The library where TRL, torch and transformers are absent: it imports, and answers in one line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from rldk.integrations import trl
from rldk.integrations.trl import utils
from rldk.integrations.trl.releases import installed
from rldk.integrations.trl.releases.importing import import_or_explain

SRC = Path(__file__).parents[2] / "src"


@pytest.fixture(autouse=True)
def no_trl(monkeypatch):
    """This environment has no TRL; where one is there after all, it is hidden from its metadata."""
    monkeypatch.setattr(installed.importlib.metadata, "version", _absent)
    for name in ("trl", "transformers", "torch"):
        monkeypatch.setitem(sys.modules, name, None)


def _absent(name: str) -> str:
    raise installed.importlib.metadata.PackageNotFoundError(name)


@pytest.mark.parametrize("package", ["rldk.integrations.trl", "rldk.integrations.trl.utils", "rldk_trl"])
def test_importing_a_package_imports_nothing_heavy(package):
    code = (
        f"import sys, {package}; heavy = [n for n in ('torch', 'transformers', 'trl', 'datasets', 'numpy') "
        f"if n in sys.modules]; sys.exit(str(heavy) if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": str(SRC)})


def test_both_names_hold_the_same():
    assert utils.__all__ == trl.__all__
    for name in trl.__all__:
        assert getattr(utils, name) is getattr(trl, name)


@pytest.mark.parametrize(
    "call",
    [
        lambda: trl.prepare_models_for_ppo("gpt2"),
        lambda: trl.create_ppo_config(learning_rate=1e-5),
        lambda: trl.create_ppo_trainer("gpt2", None, None),
    ],
    ids=["prepare_models_for_ppo", "create_ppo_config", "create_ppo_trainer"],
)
def test_what_needs_trl_says_what_to_install(call):
    with pytest.raises(ImportError, match=r"^trl is not installed: pip install 'trl<1\.13'$"):
        call()


def test_what_needs_transformers_says_so():
    with pytest.raises(ImportError, match=r"^transformers is not installed: pip install transformers$"):
        trl.fix_generation_config(object(), object())


def test_validation_never_raises():
    report = trl.validate_ppo_setup(None, None, None, None, None)
    assert report["valid"] is False
    assert report["issues"] == ["trl is not installed: pip install 'trl<1.13'"]


def test_a_broken_library_is_told_from_an_absent_one(monkeypatch, tmp_path):
    """A stand-in for a broken install, which cannot be had from the index."""
    (tmp_path / "broken_library.py").write_text("raise RuntimeError('numpy 2 is not\\nmine')\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(installed.importlib.metadata, "version", lambda name: "1.2")
    with pytest.raises(ImportError, match=r"^broken_library 1\.2 is installed, but .*RuntimeError: numpy 2 is not\)"):
        import_or_explain("broken_library")
