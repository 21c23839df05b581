from __future__ import annotations

from pathlib import Path

import pytest
from downstream_runs import fake_distribution
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from rldk_trl.plugin.requirements import satisfies, unmet


@pytest.mark.parametrize(
    ("version", "specifier", "expected"),
    [
        ("0.23.0", ">=0.23,<0.24", True),
        ("0.22.2", ">=0.23", False),
        ("0.10.0", ">=0.9", True),  # not as text
        # A build before a release counts as the release it leads to.
        ("0.26.0.dev0", ">=0.26", True),
        ("0.26.0.dev0", "<0.26", False),
        ("0.26.0.dev0", "==0.26.*", True),
        ("1.0.0rc1", ">=1.0", True),
        ("1.0.0rc1", "==1.0.0", True),
        ("1.0.0rc1", "<1", False),
        ("1.0.0rc1", "~=1.0", True),
        ("1.0.0rc1", "!=1.0.0", False),
        ("1.0.0rc1", ">0.29", True),
        ("0.26.0.dev0+gabc", ">=0.26", True),
        ("1.0.0.post1.dev0", ">=1.0.0.post1", True),
        ("1.0.0rc1.post1", "==1.0.0", True),
        # Unless the specifier names a pre-release.
        ("0.26.0.dev0", ">=0.26.0rc1", False),
        ("1.0.0rc2", ">=1.0.0rc1", True),
        ("1.0.0rc1", "==1.0.0rc1", True),
        ("1.0.0rc1", "!=1.0.0rc1", False),
        ("1.0.0rc2", ">=1.0,!=1.0.0rc1", True),
        ("1.0.0", ">=1.0.0rc1", True),
        # Local versions, as PEP 440 has them.
        ("0.23.0+local", "==0.23.0", True),
        ("0.23.0+local", "==0.23.0+local", True),
        ("0.23.0+local", "==0.23.0+other", False),
        ("0.23.0+local", "<=0.23.0", True),
        ("0.23.0+local", ">0.23.0", False),
        ("0.23.0", "===0.23.0", True),
        ("0.23.0", "===mine", False),
        ("0.23.0", "", True),
    ],
)
def test_satisfies(version: str, specifier: str, expected: bool) -> None:
    assert satisfies(Version(version), SpecifierSet(specifier)) is expected


@pytest.fixture
def peft(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Distributions whose extras need each other, themselves, and something that is not there."""
    fake_distribution(
        tmp_path,
        "fakepeft",
        "0.17.0.dev0",
        "Provides-Extra: whole",
        "Provides-Extra: old-gpu",
        "Provides-Extra: all",
        "Requires-Dist: no-such-base>=1",
        'Requires-Dist: faketorch>=2; extra == "whole"',
        'Requires-Dist: faketorch<2; extra == "old-gpu"',
        'Requires-Dist: no-such-thing; extra == "whole" and python_version < "3"',
        'Requires-Dist: fakepeft[all,whole,old_gpu]; extra == "all"',
    )
    fake_distribution(tmp_path, "faketorch", "2.13.0+cpu")
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.usefixtures("peft")
@pytest.mark.parametrize(
    ("requirement", "expected"),
    [
        ("fakepeft", []),
        ("Fake-Torch", ["needs Fake-Torch; Fake-Torch is not installed"]),
        ("FakeTorch==2.13.0", []),
        ("fakepeft>=0.17", []),
        ("fakepeft>=0.18", ["needs fakepeft >=0.18; fakepeft 0.17.0.dev0 is installed"]),
        ("no-such-thing", ["needs no-such-thing; no-such-thing is not installed"]),
        ('no-such-thing; python_version < "3"', []),
        ('no-such-thing; python_version > "3"', ["needs no-such-thing; no-such-thing is not installed"]),
        ("fakepeft[whole]", []),
        ("fakepeft[old_gpu]", ["needs faketorch <2; faketorch 2.13.0+cpu is installed"]),
        ("fakepeft[all]", ["needs faketorch <2; faketorch 2.13.0+cpu is installed"]),
        ("fakepeft[typo]", ["needs fakepeft[typo]; fakepeft 0.17.0.dev0 has no extra 'typo'"]),
    ],
)
def test_unmet(requirement: str, expected: list[str]) -> None:
    assert unmet(Requirement(requirement)) == expected
