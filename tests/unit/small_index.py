"""Small wheels of a TRL that never was, and a package index that serves them; for the tests of the contract."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from rldk_maintenance.contract.collect import collect

TRAINER = """
from .ppo_config import PPOConfig

class PPOTrainer:
    def __init__(self, args, model, ref_model, reward_model, value_model=None, *, peft_config=None): ...
    def train(self): ...
"""
FILES = {
    "trl/__init__.py": """
from typing import TYPE_CHECKING
_import_structure = {"trainer": ["PPOTrainer", "PPOConfig"]}
if TYPE_CHECKING:
    from .trainer import PPOTrainer
""",
    "trl/trainer/__init__.py": '_import_structure = {"ppo_trainer": ["PPOTrainer"]}\n',
    "trl/trainer/ppo_trainer.py": TRAINER,
    "trl/trainer/ppo_config.py": """
from dataclasses import dataclass, field
from typing import ClassVar
from .utils import OnPolicyConfig
@dataclass
class PPOConfig(OnPolicyConfig):
    kl_coef: float = 0.05
    bf16: bool = field(default=None, metadata={"help": "x"})
    kwargs: dict = field(default_factory=dict)
    hidden: int = field(default=1, init=False)
    shared: ClassVar[int] = 3
    needed: int
    def __post_init__(self):
        self.bf16 = not self.fp16
""",
    "trl/trainer/utils.py": """
from transformers import TrainingArguments
class OnPolicyConfig(TrainingArguments):
    response_length: int = 53
    kl_coef: float = 1.0
""",
}


def wheel(files: dict[str, str]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
        archive.writestr("trl-1.0.dist-info/METADATA", "Name: trl\nVersion: 1.0\nRequires-Python: >=3.9\n")
    return content.getvalue()


GOOD = wheel(FILES)


class Index:
    """Pages by path, and which paths were asked for with which credentials."""

    def __init__(self) -> None:
        self.pages: dict[str, tuple[str, bytes]] = {}
        self.redirects: dict[str, str] = {}
        self.busy: dict[str, list[int]] = {}
        """Statuses to answer first, by path."""
        self.asked: list[tuple[str, str | None]] = []
        self.url = ""

    @property
    def port(self) -> str:
        return self.url.rpartition(":")[2]

    @property
    def paths(self) -> list[str]:
        return [path for path, _ in self.asked]

    def add(self, path: str, body: bytes, kind: str = "application/octet-stream") -> None:
        self.pages[path] = (kind, body)

    def listing(self, *files: dict) -> None:
        entries = [{"hashes": {}, "yanked": False, "upload-time": "2024-05-06T07:08:09Z", **file} for file in files]
        body = json.dumps({"files": entries, "name": "trl", "meta": {"api-version": "1.1"}})
        self.add("/simple/trl/", body.encode(), "application/vnd.pypi.simple.v1+json")


@contextmanager
def serve() -> Iterator[Index]:
    here = Index()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            here.asked.append((self.path, self.headers["Authorization"]))
            kind, body = here.pages.get(self.path, ("text/plain", None))
            if here.busy.get(self.path):
                self.send_response(here.busy[self.path].pop(0))
                body = None
            elif self.path in here.redirects:
                self.send_response(302)
                self.send_header("Location", here.redirects[self.path])
            else:
                self.send_response(404 if body is None else 200)
            self.send_header("Content-Type", kind)
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    here.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield here
    finally:
        server.shutdown()
        server.server_close()


def entry(version: str, url: str, content: bytes = GOOD, **more: object) -> dict:
    """A wheel of an index's listing, with the SHA-256 of ``content``."""
    hashes = {"sha256": hashlib.sha256(content).hexdigest()}
    return {"filename": f"trl-{version}-py3-none-any.whl", "url": url, "hashes": hashes, **more}


def read(tmp_path, **options):
    """The contract as read from the index, and what was said meanwhile."""
    out = io.StringIO()
    return collect(tmp_path / "cache", out=out, **options), out.getvalue()
