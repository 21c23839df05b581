"""Read a TOML table strictly: every key is taken by name and type, and a key that is left over is an error."""

from __future__ import annotations

import difflib
from typing import Any, TypeVar

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from rldk_trl.errors import MatrixError

_TYPE_NAMES = {str: "a string", bool: "true or false", int: "a whole number", list: "a list", dict: "a table"}

T = TypeVar("T")


class Table:
    """One TOML table being read: every key must be taken before ``finish``."""

    def __init__(self, content: object, where: str) -> None:
        if not isinstance(content, dict):
            raise MatrixError(f"{where}: {content!r} is not a table; write a table")
        self._left: dict[str, Any] = dict(content)
        self._known: list[str] = []
        self.where = where

    def error(self, what: str) -> MatrixError:
        """Return an error that names the place."""
        return MatrixError(f"{self.where}: {what}")

    def has(self, key: str) -> bool:
        """Whether the key is there and not yet taken."""
        return key in self._left

    def optional(self, key: str, kind: type[T]) -> T | None:
        """Take the value of a key, of exactly this type; None if the key is missing."""
        self._known.append(key)
        if key not in self._left:
            return None
        value = self._left.pop(key)
        # `type is`: in Python a datetime is a date and a bool is an int, in TOML they are not.
        if type(value) is not kind:
            wanted = _TYPE_NAMES.get(kind, "a date such as 2025-09-10, without quotes")
            raise self.error(f"`{key}` is {value!r}; write {wanted}")
        if kind is str and not str(value).strip():
            raise self.error(f"`{key}` is empty; fill it in or remove the key")
        return value

    def required(self, key: str, kind: type[T]) -> T:
        """Take the value of a key that must be there."""
        value = self.optional(key, kind)
        if value is None:
            raise self.error(f"`{key}` is missing; add it")
        return value

    def choice(self, key: str, choices: tuple[str, ...]) -> str | None:
        """Take a string that must be one of the choices; None if the key is missing."""
        value = self.optional(key, str)
        if value is not None and value not in choices:
            raise self.error(f"`{key}` is {value!r}; write one of {', '.join(map(repr, choices))}")
        return value

    def required_choice(self, key: str, choices: tuple[str, ...]) -> str:
        """Take a string that must be there and be one of the choices."""
        value = self.choice(key, choices)
        if value is None:
            raise self.error(f"`{key}` is missing; write one of {', '.join(map(repr, choices))}")
        return value

    def strings(self, key: str) -> tuple[str, ...]:
        """Take a list of strings; empty if the key is missing."""
        values = self.optional(key, list) or []
        for value in values:
            if not isinstance(value, str) or not value.strip():
                raise self.error(f"`{key}` holds {value!r}; write strings only")
        return tuple(values)

    def requirements(self, key: str, reserved: tuple[str, ...]) -> tuple[str, ...]:
        """Take a list of PEP 508 requirements, none of them of a reserved name."""
        values = self.strings(key)
        for value in values:
            try:
                name = canonicalize_name(Requirement(value).name)
            except InvalidRequirement:
                raise self.error(f'`{key}` holds {value!r}; write a requirement such as "numpy<2"') from None
            if name in reserved:
                raise self.error(f"`{key}` holds {value!r}; {name} is pinned elsewhere, so remove it")
        return values

    def specifier(self, key: str) -> SpecifierSet:
        """Take a PEP 440 specifier that must be there."""
        text = self.required(key, str)
        try:
            return SpecifierSet(text)
        except InvalidSpecifier:
            raise self.error(f'`{key}` is {text!r}; write a PEP 440 specifier such as ">=0.12,<1.13"') from None

    def specifiers(self, key: str) -> tuple[SpecifierSet, ...]:
        """Take a list of PEP 440 specifiers; empty if the key is missing."""
        try:
            return tuple(SpecifierSet(text) for text in self.strings(key))
        except InvalidSpecifier as error:
            raise self.error(f'`{key}`: {error}; write PEP 440 specifiers such as ">=0.12,<1.13"') from None

    def version(self, key: str) -> str:
        """Take a PEP 440 version in its normal form."""
        return self.normal_version(f"`{key}`", self.required(key, str))

    def normal_version(self, what: str, text: str) -> str:
        """Return ``text``, which must be a PEP 440 version in normal form; ``what`` names it in the error."""
        try:
            normal = str(Version(text))
        except InvalidVersion:
            raise self.error(f'{what} is {text!r}; write a PEP 440 version such as "0.23.0"') from None
        if normal != text:
            raise self.error(f"{what} is {text!r}; write it as {normal!r}")
        return text

    def finish(self) -> None:
        """Raise an error if a key was not taken."""
        for key in self._left:
            near = difflib.get_close_matches(key, self._known, n=1)
            todo = f"did you mean `{near[0]}`?" if near else f"known keys: {', '.join(self._known)}"
            raise self.error(f"unknown key `{key}`; {todo}")
