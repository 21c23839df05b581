"""Find uv, and tell it where to find torch's CPU build."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping

from rldk_trl.errors import RunError


def find_uv() -> str:
    """Return the uv program: the one from the extra ``nox``, or else the one on the path.

    Raises:
        RunError: uv is not installed.
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


def uv_environment(environ: Mapping[str, str] | None = None, device: str | None = None) -> dict[str, str]:
    """Return the environment variables with which uv finds the same torch as pip.

    If find-links is set for uv or for pip, uv uses that. Otherwise uv uses torch's CPU index, or with a ``device`` the
    index for its driver, unless the user chose another backend.
    """
    environ = os.environ if environ is None else environ
    if environ.get("UV_FIND_LINKS"):
        return {}
    links = environ.get("PIP_FIND_LINKS", "").split() or _pip_config_find_links(environ)
    if links:
        return {"UV_FIND_LINKS": ",".join(links)}
    return {} if environ.get("UV_TORCH_BACKEND") else {"UV_TORCH_BACKEND": "auto" if device else "cpu"}


def _pip_config_find_links(environ: Mapping[str, str]) -> list[str]:
    # pip reads its own configuration: the files are in up to five places, with rules of precedence.
    # A nox that uv installed has no pip in its environment; then the pip on the path is asked.
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
