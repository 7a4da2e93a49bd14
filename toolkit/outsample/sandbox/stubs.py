"""Things that do nothing inside a strategy, and say so: plotting, displays, uploads."""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import sys
import types
from collections.abc import Callable, Iterator, Sequence
from typing import Self

import pandas as pd

__all__ = ["Notes", "plant_plotting", "silent_module"]

PLOTTING = ("matplotlib", "plotly", "seaborn", "mplfinance", "bokeh", "altair", "IPython")


class Notes:
    """Sentences for the result's warnings, each kept once."""

    def __init__(self, limit: int = 50) -> None:
        self.lines: list[str] = []
        self._limit = limit

    def clear(self) -> None:
        """Forget everything."""
        self.lines = []

    def add(self, line: str) -> None:
        """Keep a sentence, unless it is known or there are enough."""
        if line not in self.lines and len(self.lines) < self._limit:
            self.lines.append(line)


class _Nothing:
    """Answers every call, attribute, item and iteration with itself or nothing."""

    def __init__(self, note: Callable[[], None]) -> None:
        object.__setattr__(self, "_note", note)

    def __getattr__(self, name: str) -> _Nothing:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __setattr__(self, name: str, value: object) -> None:
        return

    def __call__(self, *args: object, **kwargs: object) -> _Nothing:  # noqa: ARG002 - takes anything
        self._note()
        return self

    def __getitem__(self, key: object) -> _Nothing:
        return self

    def __setitem__(self, key: object, value: object) -> None:
        return

    def __iter__(self) -> Iterator[_Nothing]:
        # `fig, ax = plt.subplots()` unpacks two.
        return iter((self, self))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *args: object) -> None:
        return

    def __len__(self) -> int:
        return 0

    def __repr__(self) -> str:
        return "<nothing: plots and displays do nothing inside a strategy>"


def silent_module(name: str, notes: Notes) -> types.ModuleType:
    """Return a package in which every name is a thing that does nothing."""
    library = name.partition(".")[0]
    nothing = _Nothing(lambda: notes.add(f"{library} does nothing inside a strategy; plot the result."))
    module = types.ModuleType(name)
    module.__path__ = []
    module.__getattr__ = lambda attribute: _public(nothing, attribute)  # type: ignore[method-assign]
    return module


def _public(nothing: _Nothing, attribute: str) -> _Nothing:
    if attribute.startswith("__"):
        raise AttributeError(attribute)
    return nothing


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports of plotting libraries get silent modules; nothing else can be imported any more."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002 - the protocol of finders
        target: types.ModuleType | None = None,  # noqa: ARG002
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname.partition(".")[0] in PLOTTING:
            return importlib.machinery.ModuleSpec(fullname, self, is_package=True)
        return None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        return silent_module(spec.name, self._notes)

    def exec_module(self, module: types.ModuleType) -> None:
        """Leave the module as it is."""


def plant_plotting(notes: Notes, *, closed: bool = True) -> None:
    """Make plotting do nothing, and (closed) every import that was not made before fail in the ordinary way.

    Without files the usual finders would raise PermissionError instead of ModuleNotFoundError. Done by the
    server, once: walking over all modules in every child would copy the memory that they lie in.
    """
    for name in [name for name in sys.modules if name.partition(".")[0] in PLOTTING]:
        del sys.modules[name]
    builtin, frozen = importlib.machinery.BuiltinImporter, importlib.machinery.FrozenImporter
    others = [builtin, frozen] if closed else sys.meta_path
    sys.meta_path[:] = [_Finder(notes), *others]
    nothing = _Nothing(lambda: notes.add("Plots do nothing inside a strategy; plot the result."))
    for owner in (pd.DataFrame, pd.Series):
        for attribute in ("plot", "hist", "boxplot"):
            if hasattr(owner, attribute):
                setattr(owner, attribute, nothing)
    pd.DataFrame.style = nothing  # type: ignore[assignment]
