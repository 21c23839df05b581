"""Asks the package index of uv's or pip's configuration which files a project has, and gets them, with pypi-simple."""

from __future__ import annotations

import importlib
import os
import re
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

from rldk_maintenance.errors import ContractError

try:
    from pypi_simple import (
        DistributionPackage,
        NoSuchProjectError,
        ProjectPage,
        PyPISimple,
        UnsupportedRepoVersionError,
    )
    from requests import HTTPError, PreparedRequest, Session
    from requests.adapters import HTTPAdapter
    from requests.auth import HTTPBasicAuth
    from urllib3.util import Retry
except ImportError as error:
    raise ContractError(
        f"contract: {error.name} is not installed; use nox, or install the group `maintenance` of pyproject.toml"
    ) from None

_VARIABLES = ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL")
_TIMEOUT_S = 60
_RETRIES = Retry(2, status_forcelist=[408, 429, 500, 502, 503, 504], backoff_factor=0.5, raise_on_status=False)


def index_url(environ: Mapping[str, str] | None = None) -> str:
    """The index of the user's uv or pip configuration, else pip's own default.

    Raises:
        ContractError: none is configured and pip is not installed.
    """
    environ = os.environ if environ is None else environ
    for variable in _VARIABLES:
        if environ.get(variable):
            return re.sub(r"^[\w.-]+=(?=\w+://)", "", environ[variable])  # uv's may be NAME=URL
    configured = _pip_config_index(environ)
    if configured:
        return configured
    # pip knows the public index; a copy of its address here would go stale.
    try:
        default: str = importlib.import_module("pip._internal.models.index").PyPI.simple_url
    except (ImportError, AttributeError):
        raise ContractError(
            f"contract: no package index is known here; set {_VARIABLES[0]} or {_VARIABLES[-1]}, or install pip"
        ) from None
    return default


def _pip_config_index(environ: Mapping[str, str]) -> str | None:
    asked = subprocess.run(
        [sys.executable, "-m", "pip", "config", "get", "global.index-url"],
        capture_output=True,
        text=True,
        check=False,
        env=dict(environ),
    )
    return asked.stdout.strip() if asked.returncode == 0 else None


class IndexClient:
    """The package index at an address, which may hold credentials: they are sent to its own host only."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        own = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
        self._session = session = Session()
        system = ssl.get_default_verify_paths()  # may hold a company's own certificate; requests' list does not
        session.verify = system.cafile or system.capath or True
        for scheme in ("http://", "https://"):
            session.mount(scheme, HTTPAdapter(max_retries=_RETRIES))
        if parts.username is not None:
            basic = HTTPBasicAuth(unquote(parts.username).encode(), unquote(parts.password or "").encode())

            def authenticate(request: PreparedRequest) -> PreparedRequest:
                return request if session.should_strip_auth(own, str(request.url)) else basic(request)

            session.auth = authenticate
        self._client = PyPISimple(own, session=session)

    def files(self, project: str) -> list[DistributionPackage]:
        """Every file that the index lists for a project, in the index's order.

        Raises:
            ContractError: the page could not be downloaded or read.
        """
        url = self._client.get_project_url(project)
        with _one_line(project):
            try:
                if (folder := _path(url)) is not None:  # as pip reads an index in a folder
                    page = ProjectPage.from_html(project, (folder / "index.html").read_bytes(), url)
                else:
                    page = self._client.get_project_page(project, timeout=_TIMEOUT_S)
            except (ValueError, UnsupportedRepoVersionError) as error:
                raise ContractError(
                    f"{project}: the index's page is not as PEP 691 or PEP 503 says ({type(error).__name__}); "
                    f"check the index's address"
                ) from None
        if not page.packages:
            raise ContractError(f"{project}: the index lists no file of it; check the index's address")
        return page.packages

    def download(self, url: str) -> bytes:
        """Get a file.

        Raises:
            ContractError: it could not be downloaded; the message does not name the host.
        """
        with _one_line(file_name(url)):
            if (path := _path(url)) is not None:
                return path.read_bytes()
            answer = self._session.get(url, timeout=_TIMEOUT_S)
            answer.raise_for_status()
            return answer.content


def file_name(url: str) -> str:
    """The name of the file at an address."""
    return unquote(urlsplit(url).path.rpartition("/")[2])


def _path(url: str) -> Path | None:
    parts = urlsplit(url)
    return Path(url2pathname(parts.path)) if parts.scheme == "file" else None


@contextmanager
def _one_line(name: str) -> Iterator[None]:
    try:
        yield
    except NoSuchProjectError:
        reason = "HTTP 404"
    except HTTPError as error:
        reason = f"HTTP {getattr(error.response, 'status_code', 'error')}"
    except OSError as error:  # the other errors of requests are OSError too
        reason = "no such file" if isinstance(error, FileNotFoundError) else type(error).__name__
    else:
        return
    raise ContractError(f"{name}: cannot be had from the index ({reason}); check the network and the index's address")
