"""The code blocks of the documents, so that tests can run each of them."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def code_blocks(name: str, language: str) -> list[str]:
    """The fenced blocks of one language in a document, in order."""
    text = (ROOT / name).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def languages(document: Path) -> list[str]:
    """The language of each fenced block in a document."""
    return re.findall(r"^```([^\n]*)\n.*?^```$", document.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
