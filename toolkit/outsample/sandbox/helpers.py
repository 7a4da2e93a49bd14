"""Strategy modules: helper code that came with the strategy, importable inside the child."""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import linecache
import sys
import types
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

__all__ = ["filename_of", "plant_modules"]


def filename_of(name: str) -> str:
    """Return the name under which a module's frames appear in tracebacks."""
    return f"<{name}>"


def plant_modules(sources: Mapping[str, str]) -> None:
    """Let ``import NAME`` find these sources, each executed anew on its first import.

    Parameters
    ----------
    sources : mapping of str to str
        Module name -> source. They may import one another.
    """
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, _Finder)]
    for name in sources:
        sys.modules.pop(name, None)
    if sources:
        sys.meta_path.insert(0, _Finder(sources))


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def __init__(self, sources: Mapping[str, str]) -> None:
        self._sources = sources

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002 - the protocol's
        target: types.ModuleType | None = None,  # noqa: ARG002
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname not in self._sources:
            return None
        return importlib.machinery.ModuleSpec(fullname, self)

    def exec_module(self, module: types.ModuleType) -> None:
        source, place = self._sources[module.__name__], filename_of(module.__name__)
        linecache.cache[place] = (len(source), None, source.splitlines(keepends=True), place)
        # As in a strategy, pd and np are there without an import.
        module.__dict__.update({"pd": pd, "np": np})
        exec(compile(source, place, "exec", dont_inherit=True), module.__dict__)  # noqa: S102 - what the sandbox is for
