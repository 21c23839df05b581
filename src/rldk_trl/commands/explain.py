"""``python -m rldk_trl explain``: what an error's text or a traceback means for the installed TRL, and what to do."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from packaging.version import InvalidVersion, Version

from rldk.integrations.trl.advice.catalogue.matching import reported_release
from rldk.integrations.trl.advice.failures import Failure, explain_failure, failures
from rldk.integrations.trl.advice.ranks import first_error
from rldk.integrations.trl.advice.symptoms import SYMPTOMS, Symptom, symptom
from rldk.integrations.trl.releases.installed import installed_version
from rldk_trl.errors import CommandError

NOT_KNOWN = 1
_ASK = "pass an error's text, or pipe a traceback: pytest 2>&1 | python -m rldk_trl explain"


def add_command(commands: Any) -> None:
    """Add the command to those of ``python -m rldk_trl``."""
    explain = commands.add_parser("explain", help="explain a PPO failure on the installed TRL and show what to do")
    explain.add_argument("text", nargs="*", help="the error's text; none or -: read a traceback from standard input")
    explain.add_argument("--trl", metavar="VERSION", help="a TRL release to use instead of the installed one")
    explain.add_argument("--json", action="store_true", help="print the entries as JSON")
    explain.add_argument("--list", action="store_true", help="print the whole catalogue; with --trl, of one release")
    explain.add_argument(
        "--symptom",
        metavar="NAME",
        nargs="?",
        const="",
        help="show what to check when there is no exception; without a name, list the symptoms",
    )
    explain.set_defaults(run=_explain)


def where(entry: Failure) -> str:
    """Return where an entry happens: ``TRL >=0.9.2,<0.13 with transformers>=4.46, without peft``."""
    more = [f"with {' and '.join(entry.requires)}"] if entry.requires else []
    more += [f"without {' and '.join(entry.absent)}"] if entry.absent else []
    return " ".join([f"TRL {entry.releases}", ", ".join(more)]).strip()


def _explain(options: argparse.Namespace) -> int | None:
    version = _version(options.trl)
    if options.symptom is not None:
        if options.text or options.list:
            raise CommandError("explain: --symptom takes only a name; leave the text and --list out")
        _show_symptoms(options.symptom, as_json=options.json)
        return None
    if options.list:
        if options.text:
            raise CommandError("explain: --list does not take a text; leave one of them out")
        found = [entry for entry in failures() if options.trl is None or entry.happens_on(version)]
    else:
        text = _text(options.text)
        version = version or reported_release(text)
        found = explain_failure(text, version)
        first = None if options.json else first_error(text)
        if first is not None:
            print(f"{first.sentence}\n")
    if options.json:
        print(json.dumps([_fields(entry, version) for entry in found], indent=2))
    elif options.list:
        print("\n".join(f"{entry.id}: {where(entry)}: {entry.cause}" for entry in found))
    elif found:
        print("\n\n".join("\n".join(_block(entry, version)) for entry in found))
    else:
        print(
            "rldk_trl: explain: not in the catalogue; see `explain --list`, and report it with the whole traceback",
            file=sys.stderr,
        )
    return None if found or options.list else NOT_KNOWN


def _show_symptoms(name: str, *, as_json: bool) -> None:
    try:
        found = [symptom(name)] if name else list(SYMPTOMS)
    except KeyError:
        names = ", ".join(one.name for one in SYMPTOMS)
        raise CommandError(f"explain: --symptom {name}: not known; the symptoms are {names}") from None
    if as_json:
        print(json.dumps([asdict(one) for one in found], indent=2))
    elif name:
        print("\n".join(_symptom_lines(found[0])))
    else:
        print("\n".join(f"{one.name}: {one.seen}" for one in found))


def _symptom_lines(one: Symptom) -> Iterable[str]:
    yield f"{one.name}: {one.seen}"
    for number, check in enumerate(one.checks, start=1):
        yield f"  {number}. {check.look} ({check.source})"


def _version(text: str | None) -> Version | None:
    try:
        return None if text is None else Version(text)
    except InvalidVersion:
        raise CommandError(f"explain: --trl {text}: not a PEP 440 version; write e.g. 0.23.0") from None


def _text(words: list[str]) -> str:
    if words and words != ["-"]:
        text = " ".join(words)
    elif not words and sys.stdin.isatty():
        raise CommandError(f"explain: no text; {_ASK}")
    else:
        # The error can still be read if the text has another encoding or is cut in the middle of a character.
        text = sys.stdin.buffer.read().decode("utf-8", errors="replace")
    if not text.strip():
        raise CommandError(f"explain: the text is empty; {_ASK}")
    return text


def _block(entry: Failure, version: Version | None) -> Iterable[str]:
    yield entry.id
    if entry.advice_only:
        yield "  note:     reported by users; no test of this project reproduces it"
    yield f"  cause:    {entry.cause}"
    yield f"  where:    {where(entry)}; {_here(entry, version)}"
    yield f"  do:       {entry.advice}"
    if entry.fixed_by is not None:
        yield f"  fixed by: rldk.integrations.trl.{entry.fixed_by}"
    if entry.found:
        yield "  detected: before training, by validate_ppo_setup, create_ppo_config or check_trl_compatibility"
    yield f"  see:      {entry.link}"


def _here(entry: Failure, version: Version | None) -> str:
    if version is not None:
        return f"{'happens' if entry.happens_on(version) else 'NOT known to happen'} on {version}"
    installed = installed_version("trl")
    if installed is None:
        return "TRL is not installed here"
    return f"{'happens' if entry.happens_on() else 'NOT known to happen'} on the installed TRL {installed}"


def _fields(entry: Failure, version: Version | None) -> dict[str, Any]:
    unknown = version is None and installed_version("trl") is None
    return {
        "id": entry.id,
        "message": entry.message,
        "releases": entry.releases,
        "requires": list(entry.requires),
        "absent": list(entry.absent),
        "happens": None if unknown else entry.happens_on(version),
        "cause": entry.cause,
        "advice": entry.advice,
        "link": entry.link,
        "found": entry.found,
        "fixed_by": entry.fixed_by,
        "possible": entry.possible,
        "advice_only": entry.advice_only,
    }
