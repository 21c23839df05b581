"""Asks a package index which files a project has, by the simple API: JSON (PEP 691) or HTML (PEP 503)."""

from __future__ import annotations

import importlib
import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from http.client import HTTPException
from typing import Any
from urllib.parse import unquote, urldefrag, urljoin, urlsplit, urlunsplit

from rldk_maintenance.errors import ContractError

_ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1, */*;q=0.01"
_VARIABLES = ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL")
_TIMEOUT_S = 60
_TRIES = 3
_PASSING = frozenset([408, 429, 500, 502, 503, 504])


@dataclass(frozen=True)
class IndexFile:
    """One file that the index offers; what the index does not say is None."""

    name: str
    url: str
    sha256: str | None
    requires_python: str | None
    uploaded: str | None
    """Date as YYYY-MM-DD."""
    yanked: bool


def index_url(environ: Mapping[str, str] | None = None) -> str:
    """The index of the user's uv or pip configuration, else pip's own default.

    Raises:
        ContractError: none is configured and there is no pip to ask.
    """
    environ = os.environ if environ is None else environ
    for variable in _VARIABLES:
        if environ.get(variable):
            return re.sub(r"^[\w.-]+=(?=\w+://)", "", environ[variable])  # uv's may be NAME=URL
    configured = _pip_config_index(environ)
    if configured:
        return configured
    # pip knows the public index; a second copy of its address here would be one that nobody mends.
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


def download(url: str, accept: str = "*/*") -> tuple[bytes, str, str]:
    """Get a URL; returns the body, its content type and the URL after redirects. Tries three times.

    Raises:
        ContractError: it cannot be had; the reason names no host.
    """
    parts = urlsplit(url)
    headers = {"Accept": accept}
    if parts.scheme == "file" and parts.path.endswith("/"):
        url += "index.html"  # as pip reads an index in a folder
    elif parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers["Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
        url = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    for attempt in range(1, _TRIES + 1):
        try:
            with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=_TIMEOUT_S) as answer:
                return answer.read(), answer.headers.get_content_type(), answer.geturl()
        except urllib.error.HTTPError as error:
            reason, final = f"HTTP {error.code}", error.code not in _PASSING
        except (OSError, ValueError, HTTPException) as error:  # URLError and timeouts are OSError
            cause = getattr(error, "reason", error)
            missing = "No such file" in str(cause)
            reason, final = "no such file" if missing else type(cause).__name__, missing
        if final or attempt == _TRIES:
            break
        time.sleep(attempt)
    name = unquote(parts.path.rstrip("/").rpartition("/")[2])
    raise ContractError(f"{name}: cannot be had from the index ({reason}); check the network and the index's address")


def project_files(project: str, base: str) -> list[IndexFile]:
    """Every file that the index at ``base`` lists for a project, in the index's order.

    Raises:
        ContractError: the page cannot be had or read.
    """
    body, kind, url = download(f"{base.rstrip('/')}/{project}/", _ACCEPT)
    try:
        files = _from_json(body, url) if kind.endswith("json") else _from_html(body, url)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ContractError(
            f"{project}: the index's page is not as PEP 691 or PEP 503 says ({type(error).__name__}: {error}); "
            f"check the index's address"
        ) from None
    if not files:
        raise ContractError(f"{project}: the index lists no file of it; check the index's address")
    return files


def _from_json(body: bytes, url: str) -> list[IndexFile]:
    return [
        IndexFile(
            name=entry["filename"],
            url=urljoin(url, entry["url"]),
            sha256=entry["hashes"].get("sha256"),
            requires_python=entry.get("requires-python"),
            uploaded=(entry.get("upload-time") or "")[:10] or None,
            yanked=entry.get("yanked", False) is not False,  # a reason, even an empty one, is a yank
        )
        for entry in json.loads(body)["files"]
    ]


class _Anchors(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.base: str | None = None
        self.found: list[dict[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: Iterable[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if tag == "base" and self.base is None:
            self.base = attributes.get("href")
        if tag == "a" and attributes.get("href"):
            self.found.append(attributes)


def _from_html(body: bytes, url: str) -> list[IndexFile]:
    page = _Anchors()
    page.feed(body.decode("utf-8"))
    base = urljoin(url, page.base) if page.base else url
    return [_from_anchor(anchor, base) for anchor in page.found]


def _from_anchor(anchor: Mapping[str, Any], base: str) -> IndexFile:
    address, fragment = urldefrag(urljoin(base, anchor["href"]))
    digest = re.search(r"(?:^|&)sha256=([0-9a-f]{64})", fragment)
    return IndexFile(
        name=unquote(urlsplit(address).path.rpartition("/")[2]),
        url=address,
        sha256=digest.group(1) if digest else None,
        requires_python=anchor.get("data-requires-python"),
        uploaded=None,
        yanked="data-yanked" in anchor,
    )
