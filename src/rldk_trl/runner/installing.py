"""The uv commands that install a cell, in their order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from rldk_trl.matrix.cells import Cell
from rldk_trl.matrix.locks import read_pins


def install_commands(
    cell: Cell, lock: Path, uv: str, python: Path, more: Sequence[str], rest: Path
) -> Iterator[tuple[list[str], Mapping[str, str]]]:
    """Yield each command and the environment variables that it needs besides.

    Args:
        cell: the cell to install.
        lock: its lock.
        uv: the uv program.
        python: the interpreter of the cell's environment.
        more: the arguments of ``uv pip install`` for what the lock does not have.
        rest: where to write the lock without what is built in the environment, if anything is.
    """
    extra = cell.world.extra
    pins = read_pins(lock.read_text(encoding="utf-8"))
    built = {name: pins.pop(name) for name in (extra.build if extra else ()) if name in pins}
    if built:
        rest.write_text("".join(f"{name}=={version}\n" for name, version in pins.items()), encoding="utf-8")
    pip, target = [uv, "pip"], ["--python", str(python)]
    first = str(rest if built else lock)
    if cell.world.device is None:
        # `sync` installs exactly the lock, whatever was there before.
        yield [*pip, "sync", *target, first], {}
    else:
        # torch for a device needs packages that its CPU build does not need, so the lock does not have them.
        yield [*pip, "install", "--exact", *target, "--requirement", first], {}
    for name, version in built.items():
        assert extra is not None
        yield [*pip, "install", *target, "--no-deps", "--no-build-isolation", f"{name}=={version}"], extra.build[name]
    yield [*pip, "install", *target, "--constraints", str(lock), *more], {}
