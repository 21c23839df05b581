"""Finds uv, and tells it where torch's CPU build comes from."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping

from rldk_trl.errors import RunError


def find_uv() -> str:
    """The uv program: of the extra ``nox``, else the one on the path.

    Raises:
        RunError: there is none.
    """
    try:
        import uv
    except ImportError:
        pass
    else:
        return uv.find_uv_bin()
    program = shutil.which("uv")
    if program is None:
        raise RunError("uv: not found; install it with `pip install 'rldk-trl[nox]'`")
    return program


def uv_environment(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """What to add to the environment so that uv finds the same torch as pip does.

    Where a find-links is set, for uv or for pip, uv gets that one; otherwise torch's CPU index, unless the
    user chose another backend.
    """
    environ = os.environ if environ is None else environ
    if environ.get("UV_FIND_LINKS"):
        return {}
    links = environ.get("PIP_FIND_LINKS", "").split() or _pip_config_find_links(environ)
    if links:
        return {"UV_FIND_LINKS": ",".join(links)}
    return {} if environ.get("UV_TORCH_BACKEND") else {"UV_TORCH_BACKEND": "cpu"}


def _pip_config_find_links(environ: Mapping[str, str]) -> list[str]:
    # pip's own reading of its files: they lie in up to five places, with rules of precedence.
    # A nox that uv has installed has no pip beside it; the user's own then knows.
    for pip in ([sys.executable, "-m", "pip"], ["pip"]):
        try:
            listed = subprocess.run(
                [*pip, "config", "list"], capture_output=True, text=True, check=False, env=dict(environ)
            )
        except FileNotFoundError:
            continue
        if listed.returncode == 0:
            return _find_links(listed.stdout)
    return []


def _find_links(listing: str) -> list[str]:
    for line in listing.splitlines():
        key, _, value = line.partition("=")
        if key in ("global.find-links", "install.find-links"):
            return str(ast.literal_eval(value)).split()
    return []
