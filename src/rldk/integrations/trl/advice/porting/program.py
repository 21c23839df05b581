"""``port_program``: what changes in a program, line by line, from one TRL release to another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from packaging.version import Version

from rldk.integrations.trl.advice.porting import arguments, attributes, imports, options
from rldk.integrations.trl.advice.porting.finding import Finding
from rldk.integrations.trl.advice.porting.models import model_findings
from rldk.integrations.trl.advice.porting.reading import read_program
from rldk.integrations.trl.advice.porting.uses import (
    CONFIGS,
    TRAINERS,
    Attribute,
    Construction,
    Import,
    Program,
    Unseen,
)
from rldk.integrations.trl.releases.boundaries import TRAIN_API, in_spans, known_ppo, no_ppo_message, release_of
from rldk.integrations.trl.releases.measured import measured_releases


@dataclass(frozen=True)
class Port:
    """What `port_program` found."""

    target: str
    """The release to port to."""
    written_for: tuple[str, ...]
    """The releases that the program was written for, oldest first. Empty if it does not use PPO of TRL."""
    guessed: bool
    """Whether ``written_for`` was found from the names and options that the program uses."""
    findings: tuple[Finding, ...]
    unseen: tuple[Unseen, ...]
    """What cannot be seen in the program's text."""
    notes: tuple[str, ...]
    """Lines about the whole program."""


def port_program(source: str, written_for: Version | None, target: Version, file: str = "<program>") -> Port:
    """Compare what a program uses of TRL with a release. The program is not run; TRL is not imported.

    Args:
        source: The program's text.
        written_for: The release it was written for. None to find the releases that have all it uses.
        target: The release that it should run on. May be older.
        file: The program's name, for error messages.

    Raises:
        SyntaxError: The text is not valid Python.
    """
    program = read_program(source, file)
    there = release_of(target)
    notes: list[str] = []
    if not program.imports:
        releases: Sequence[Version] = ()
    elif written_for is not None:
        releases = [release_of(written_for)]
    else:
        releases, conflict = _releases_of(program)
        notes += conflict
    if known_ppo(there).api is None:
        notes.append(no_ppo_message(there))
    # An attribute that a line reads twice is one finding.
    findings = sorted(dict.fromkeys(_findings(program, releases, there)), key=lambda finding: finding.line)
    unseen = sorted([*program.unseen, *imports.unknown_imports(program, there)], key=lambda unseen: unseen.line)
    return Port(
        target=str(target),
        written_for=tuple(map(str, releases)),
        guessed=written_for is None,
        findings=tuple(findings),
        unseen=tuple(unseen),
        notes=tuple(notes),
    )


def _findings(program: Program, source: Sequence[Version], target: Version) -> Iterator[Finding]:
    yield from imports.import_findings(program, target)
    if known_ppo(target).api is None:
        return
    yield from model_findings(program, target)
    evaluates = any("eval_dataset" in use.keywords for use in program.constructions)
    for use in program.constructions:
        if use.name in CONFIGS:
            for finding in options.option_findings(use, source, target):
                if not (evaluates and finding.name == "num_sample_generations" and finding.problem == "fails"):
                    yield finding
        elif use.name in TRAINERS:
            yield from arguments.argument_findings(use, source, target)
    was_step = bool(source) and all(version < TRAIN_API for version in source)
    for attribute in program.attributes:
        yield from attributes.attribute_findings(attribute, was_step=was_step, target=target)


def _releases_of(program: Program) -> tuple[list[Version], list[str]]:
    """Return the releases that have all that the program uses, or else most of it, with a line that says so."""
    uses: list[Import | Construction | Attribute] = [*program.imports, *program.constructions, *program.attributes]
    known = sorted(map(Version, measured_releases()))
    counts = {version: sum(_runs(use, version) for use in uses) for version in known}
    most = max(counts.values())
    best = [version for version in known if counts[version] == most]
    if most == len(uses):
        return best, []
    return best, [f"no release has all that the program uses: the best have {most} of {len(uses)}"]


def _runs(use: Import | Construction | Attribute, version: Version) -> bool:
    if isinstance(use, Import):
        guarded = use.attempt is not None or use.types_only
        return guarded or imports.gives(use, version) is not False
    if isinstance(use, Attribute):
        return attributes.runs(use, version)
    if use.name in TRAINERS:
        return arguments.accepts(use, version)
    if use.name in CONFIGS:
        accepting = [options.accepting_releases(name, use.name) for name in use.keywords]
        return all(releases is None or in_spans(version, releases) for releases in accepting)
    return True
