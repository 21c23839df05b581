"""Sessions of this project. `nox -l` lists them; `nox` alone runs lint, typecheck and tests."""

from __future__ import annotations

import sys
from pathlib import Path

import nox

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT / "src"))  # works if only nox is installed

from rldk_trl.nox import trl_matrix  # noqa: E402

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "uv"
nox.options.reuse_venv = "yes"
nox.options.sessions = ["lint", "typecheck", "tests"]

# One release for each API generation whose tests TRL has published.
PEERS = ["0.7.11", "0.11.4", "0.16.1", "0.23.0", "0.26.2", "1.12.0"]

PYPROJECT = nox.project.load_toml(ROOT / "pyproject.toml")

trl_matrix(
    tests=["tests/cell"],
    worlds={world: ["tests/world"] for world in ("ddp", "zero2", "zero3", "gpu")},
    # The files that the cells' tests read. The modules that they import are found automatically.
    sources=["pyproject.toml", "examples", "src/rldk_maintenance/contract/releases.json"],
)


def group(name: str) -> list[str]:
    """Return the requirements of a dependency group in pyproject.toml."""
    return list(nox.project.dependency_groups(PYPROJECT, name))


def maintain(session: nox.Session, *arguments: str) -> None:
    """Run a command of ``python -m rldk_maintenance``, which is not in the wheel."""
    session.run("python", "-m", "rldk_maintenance", *arguments, env={"PYTHONPATH": str(ROOT / "src")})


@nox.session
@nox.parametrize("pytest", [nox.param("pytest==7.4.*", id="pytest-7.4"), nox.param("pytest", id="pytest-newest")])
def tests(session: nox.Session, pytest: str) -> None:
    """Run the project's own tests without TRL on the oldest and the newest pytest; after --: pytest's options."""
    session.install("--upgrade", ".", pytest, *group("test"))
    session.run("pytest", "tests/unit", "tests/plugin", *session.posargs)


@nox.session
def matrix_update(session: nox.Session) -> None:
    """Find new TRL releases on the index; add, resolve and run them, and leave a diff to review."""
    session.install(*group("test"))
    maintain(session, "update", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check rules and format with ruff, and the imports between packages with import-linter."""
    session.install(*group("lint"))
    session.run("ruff", "check", *session.posargs)
    session.run("ruff", "format", "--check", "--diff")
    session.run("lint-imports", "--no-logo", "--no-cache", env={"PYTHONPATH": str(ROOT / "src")})


@nox.session
def typecheck(session: nox.Session) -> None:
    """Check the types with mypy --strict."""
    session.install(*group("typecheck"))
    session.run("mypy", *session.posargs)


@nox.session
def trl_contract(session: nox.Session) -> None:
    """Read all TRL wheels without installing them; write the data and the docs made from it; after --: --offline."""
    session.install(*group("maintenance"))
    maintain(session, "contract", *session.posargs)


@nox.session
def trl_tables(session: nox.Session) -> None:
    """Write failures.md, measured.md and the library's defaults.json from all results; after --: --partial, --docs."""
    session.install("packaging", "pytest")
    maintain(session, "tables", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """Write the generated pages again, and run every command and block of README and docs. Works offline."""
    session.install(*group("test"))
    for command in ("tables", "contract"):  # docs/config.md shows what `tables` writes
        maintain(session, command, "--docs")
    maintain(session, "architecture")
    names = ["documents", "maintenance_commands", "tables_pages", "config_page", "architecture"]
    tests = [f"test_{name}.py" for name in names]
    session.run("pytest", *(f"tests/unit/{name}" for name in tests), env={"PYTHONPATH": str(ROOT / "src")})


@nox.session
def page(session: nox.Session) -> None:
    """Test the report page in headless Chromium; after --: --screenshots docs/images, to picture the results here."""
    session.install("packaging", *group("page"))
    session.run("pytest", "tests/page", *session.posargs, env={"PYTHONPATH": str(ROOT / "src")})


@nox.session
def runner(session: nox.Session) -> None:
    """Run a small real matrix: choices, crashes, `kill -9` at random moments, a full disk. Needs the index."""
    session.install(".", *group("test"))
    session.run("pytest", "tests/runner", *session.posargs)


@nox.session
@nox.parametrize("release", PEERS)
def peer(session: nox.Session, release: str) -> None:
    """Run TRL's own PPO tests of a release with TRL alone and with ours; after --: --repository, where git has TRL."""
    lock = ROOT / f"src/rldk_trl/constraints/{release}.txt"
    session.install("--requirement", str(lock), ".", "parameterized", "pip", "pypi-simple")
    maintain(session, "peer", *session.posargs)


@nox.session(venv_backend="none")
def bench(session: nox.Session) -> None:
    """Time cells serially and with -j 2, our own code and reward models, and count weights; after --: cells."""
    session.run(sys.executable, "benchmarks/matrix_speed.py", *session.posargs, external=True)
    # Needs torch and transformers: runs in the environment that the matrix made for a cell of the step API.
    python = ROOT / ".nox/trl_matrix-0-11-4/bin/python"
    if python.exists():
        source = {"PYTHONPATH": str(ROOT / "src")}
        for name in ("reward_batches", "weights_held"):
            session.run(str(python), f"benchmarks/{name}.py", external=True, env=source)
    else:
        session.warn("two benchmarks need the cell 0.11.4: run `nox -s bench -- 0.11.4`")
