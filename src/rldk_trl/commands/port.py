"""``python -m rldk_trl port FILE``: what changes in a program, line by line, from one TRL release to another."""

from __future__ import annotations

import argparse
import json
import sys
import tokenize
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from packaging.version import InvalidVersion, Version

from rldk.integrations.trl.releases.installed import installed_version
from rldk_trl.commands.notebook import Notebook, read_notebook
from rldk_trl.errors import CommandError

if TYPE_CHECKING:
    from rldk.integrations.trl.advice.porting.program import Port

NO_PPO = 1


def add_command(commands: Any) -> None:
    """Add the command to those of ``python -m rldk_trl``."""
    port = commands.add_parser("port", help="show what changes in a PPO program, line by line, on another TRL release")
    port.add_argument("file", help="the program, or a notebook; it is only read; -: read standard input")
    port.add_argument("--from", dest="written_for", metavar="VERSION", help="the TRL version that it was written for")
    port.add_argument("--to", metavar="VERSION", help="the TRL version to run it on (default: the installed one)")
    port.add_argument("--json", action="store_true", help="print the findings as JSON")
    port.set_defaults(run=_port)


def _port(options: argparse.Namespace) -> int | None:
    from rldk.integrations.trl.advice.porting.program import port_program

    written_for = None if options.written_for is None else _version("--from", options.written_for)
    target = installed_version("trl") if options.to is None else _version("--to", options.to)
    if target is None:
        raise CommandError("port: TRL is not installed here; pass the release to port to, e.g. --to 0.23.0")
    text = _text(options.file)
    notebook = _notebook(text, options.file) if options.file.endswith(".ipynb") else None
    try:
        port = port_program(text if notebook is None else notebook.code, written_for, target, options.file)
    except SyntaxError as error:
        place = options.file if error.lineno is None else _place(options.file, error.lineno, notebook)
        raise CommandError(f"port: {place}: not valid Python: {error.msg}") from None
    except ValueError as error:
        raise CommandError(f"port: {options.file}: not valid Python: {error}") from None
    if options.json:
        print(json.dumps({"file": options.file, **_fields(port, notebook)}, indent=2))
    elif port.written_for:
        print("\n".join(_lines(port, options.file, notebook)))
    else:
        print(f"rldk_trl: port: {options.file} imports nothing from trl", file=sys.stderr)
    return None if port.written_for else NO_PPO


def _version(option: str, text: str) -> Version:
    try:
        return Version(text)
    except InvalidVersion:
        raise CommandError(f"port: {option} {text}: not a PEP 440 version; write e.g. 0.23.0") from None


def _text(file: str) -> str:
    try:
        if file == "-":
            return sys.stdin.read()
        with tokenize.open(file) as opened:  # heeds the encoding that a file declares
            return opened.read()
    except SyntaxError as error:  # the encoding that it declares
        raise CommandError(f"port: {file}: not valid Python: {error.msg}") from None
    except OSError as error:
        raise CommandError(f"port: {file}: cannot be read ({error.strerror}); pass a Python file") from None
    except UnicodeDecodeError:
        raise CommandError(f"port: {file}: not UTF-8 text; pass a Python file") from None


def _notebook(text: str, file: str) -> Notebook:
    try:
        return read_notebook(text)
    except ValueError as error:
        raise CommandError(f"port: {file}: not a notebook: {error}") from None


def _place(file: str, line: int, notebook: Notebook | None) -> str:
    if notebook is None or line > len(notebook.places):
        return f"{file}:{line}"
    cell, line = notebook.places[line - 1]
    return f"{file}:cell {cell}:{line}"


def _lines(port: Port, file: str, notebook: Notebook | None) -> Iterator[str]:
    first, last = port.written_for[0], port.written_for[-1]
    span = first if first == last else f"{first}-{last}"
    how = ", guessed from the names that it uses" if port.guessed else ""
    yield f"{file}: written for TRL {span}{how}; to run on TRL {port.target}"
    yield from (f"{file}: {note}" for note in port.notes)
    for finding in port.findings:
        works = f"; it works on TRL {finding.releases}" if finding.releases else ""
        place = _place(file, finding.line, notebook)
        yield f"{place}: {finding.kind} {finding.name}: {finding.problem}: {finding.says}{works}"
        if finding.write is not None:
            yield f"  write: {finding.write}"
        if finding.note is not None:
            yield f"  note:  {finding.note}"
        if finding.rldk is not None:
            yield f"  rldk:  {finding.rldk}"
    yield from (f"{_place(file, unseen.line, notebook)}: not checked: {unseen.text}" for unseen in port.unseen)
    count = len(port.findings)
    yield f"{count} {'finding' if count == 1 else 'findings'}; for defaults and behaviour that change silently: " + (
        f"python -m rldk_trl changes {last} {port.target}"
    )


def _fields(port: Port, notebook: Notebook | None) -> dict[str, Any]:
    def where(line: int) -> dict[str, int]:
        return {} if notebook is None else dict(zip(("cell", "line"), notebook.places[line - 1], strict=True))

    return {
        "target": port.target,
        "written_for": list(port.written_for),
        "guessed": port.guessed,
        "notes": list(port.notes),
        "findings": [vars(finding) | where(finding.line) for finding in port.findings],
        "not_checked": [vars(unseen) | where(unseen.line) for unseen in port.unseen],
    }
