"""What a program uses of TRL, as `reading` finds it: each use has its line."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field

CONFIGS = ("PPOConfig", "PPOv2Config")
TRAINERS = ("PPOTrainer", "PPOv2Trainer")
STEP, TRAIN, PPOV2 = "0.2.0-0.11.4", "0.12.0-1.12.0", "0.9.2-0.12.2"  # the releases that have each
VALUE_HEADS = ("AutoModelForCausalLMWithValueHead", "AutoModelForSeq2SeqLMWithValueHead")


@dataclass(frozen=True)
class Use:
    """A use of TRL at a line of the program."""

    line: int


@dataclass(frozen=True)
class Import(Use):
    """``from module import name``, or ``module.name`` of an imported module; ``name`` is None for the module."""

    module: str
    name: str | None
    bound: str = ""
    """The name that the program gives it."""
    attempt: int | None = None
    """The line of the ``try`` around it that catches an `ImportError`."""
    types_only: bool = False
    """Whether only a type checker runs it."""


@dataclass(frozen=True)
class Argument:
    """The value of an argument or option, with the line of its name."""

    line: int
    value: ast.expr

    @property
    def text(self) -> str:
        """The value as the program writes it."""
        return ast.unparse(self.value)


@dataclass(frozen=True)
class Construction(Use):
    """A call of a config, a trainer or a value head; of the last, of its ``from_pretrained`` too."""

    name: str
    positional: tuple[Argument, ...] = ()
    keywords: Mapping[str, Argument] = field(default_factory=dict)
    complete: bool = True
    """Whether all arguments can be seen; ``*args`` and most ``**kwargs`` cannot."""


@dataclass(frozen=True)
class Attribute(Use):
    """An attribute of a trainer, or of a config, that the program reads, calls or sets."""

    owner: str
    """``PPOTrainer``, ``PPOConfig``, ..."""
    name: str
    base: str
    """The trainer or config, as the program writes it."""
    inherits_more: bool = False
    """Whether it is ``self`` in a class that extends another class beside the trainer, which may have it too."""
    keywords: Mapping[str, Argument] | None = None
    """The keywords of the call. None if it is not called."""
    set_to: Argument | None = None
    then: str | None = None
    """The attribute of the attribute, if one is read: ``generate`` for ``trainer.model.generate``."""


@dataclass(frozen=True)
class Unseen(Use):
    """What cannot be seen in the program's text; nothing is guessed about it."""

    text: str


@dataclass(frozen=True)
class Program:
    """All uses of TRL in a program, by line."""

    imports: tuple[Import, ...]
    constructions: tuple[Construction, ...]
    attributes: tuple[Attribute, ...]
    unseen: tuple[Unseen, ...]
