"""Name a function of a test module, so that another process can find it."""

from __future__ import annotations

import functools
import importlib
import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any


@dataclass(frozen=True)
class FunctionName:
    """A function at the top of a module, or a static method there."""

    module: str
    file: str | None
    qualname: str

    @classmethod
    def of(cls, function: Callable[..., Any]) -> FunctionName:
        """Name ``function``.

        Raises:
            TypeError: The function is not at the top of a module, so another process cannot import it.
        """
        qualname = getattr(function, "__qualname__", repr(function))
        module = sys.modules.get(getattr(function, "__module__", None) or "")
        found: Any = module
        for part in qualname.split("."):
            found = getattr(found, part, None)
        if module is None or found is not function:
            raise TypeError(
                f"{qualname} cannot run in another process: define it with `def` at the top of a module, and pass "
                f"what it needs as arguments"
            )
        return cls(module.__name__, getattr(module, "__file__", None), qualname)

    def find(self) -> Callable[..., Any]:
        """Return the function in this process. Imports its module."""
        found: Any = functools.reduce(getattr, self.qualname.split("."), self._module())
        return found  # type: ignore[no-any-return]

    def _module(self) -> ModuleType:
        try:
            module = importlib.import_module(self.module)
        except ModuleNotFoundError as error:
            if error.name is None or not f"{self.module}.".startswith(f"{error.name}."):
                raise
            module = None  # pytest's import mode `importlib` makes up names of modules
        if module is not None and getattr(module, "__file__", None) == self.file:
            return module
        assert self.file is not None
        spec = importlib.util.spec_from_file_location(self.module, Path(self.file))
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[self.module] = module
        spec.loader.exec_module(module)
        return module
