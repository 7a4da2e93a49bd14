"""The names that a strategy finds, and the modules planted for its imports."""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import sys
import types
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from outsample.data import Dataset, StrategyFrame
from outsample.sandbox.answers import LazyReport, SimRecorder
from outsample.sandbox.stubs import Notes

__all__ = ["DataAccess", "Scene", "make_scene"]


_OF_THE_DATASET = frozenset({"currency", "delisted", "frame", "periods_per_year", "preset", "survivors_only"})


class DataAccess:
    """``data`` inside a strategy: read-only access to the frames of the run's dataset.

    Attributes
    ----------
    name, market : str
    dates : DatetimeIndex
    symbols : list
    """

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self.name = dataset.name
        self.market = dataset.market
        self.dates = dataset.dates
        self.symbols = dataset.symbols
        self.benchmark = dataset.benchmark

    def get(self, key: str, *args: object, **kwargs: object) -> StrategyFrame:  # noqa: ARG002 - finlab's
        """Return a frame by key; further arguments of finlab's ``data.get`` are ignored."""
        return self._dataset.get(key)

    def keys(self) -> list[str]:
        """Return the keys that `get` answers."""
        return self._dataset.keys()

    def has(self, key: str) -> bool:
        """Whether there is a frame with this key."""
        return self._dataset.has(key)

    def __getattr__(self, name: str) -> object:
        if name in _OF_THE_DATASET:
            return getattr(self._dataset, name)
        if name.startswith("_"):
            raise AttributeError(name)
        raise AttributeError(f"Inside a strategy data has no {name!r}; it has get, keys, has, dates and symbols.")

    def __repr__(self) -> str:
        return f"<data {self.name!r}: {len(self.symbols)} symbols, {len(self.dates)} bars>"


@dataclass(frozen=True, kw_only=True)
class Scene:
    """One fresh set of names, and what notes what happens to them."""

    names: dict[str, object]
    recorder: SimRecorder
    data: DataAccess
    notes: Notes
    labels: object = None  # the columns of the price frames, where they are known to be symbols


def make_scene(dataset: Dataset, notes: Notes) -> Scene:
    """Return a new namespace for one execution; finlab's modules are made for it when it imports them."""
    recorder = SimRecorder(dataset, notes)
    data = DataAccess(dataset)
    _finlab.renew(lambda: _finlab_modules(data, recorder, notes))
    names: dict[str, object] = {
        # `if __name__ == "__main__":` is common at the end of pasted strategies, and is meant to run.
        "__name__": "__main__",
        "__builtins__": __builtins__,
        "data": data,
        "sim": recorder.sim,
        "display": lambda *_, **__: notes.add("display does nothing inside a strategy; look at the result."),
        "pd": pd,
        "np": np,
    }
    return Scene(names=names, recorder=recorder, data=data, notes=notes, labels=vars(dataset).get("labels"))


class _Finlab(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Makes finlab's modules at their first import in a scene: most strategies import none."""

    def __init__(self) -> None:
        self._make: Callable[[], dict[str, types.ModuleType]] = dict

    def renew(self, make: Callable[[], dict[str, types.ModuleType]]) -> None:
        """Forget the modules of the scene before, and say how those of the next are made."""
        self._make = make
        if "finlab" in sys.modules:
            for name in [one for one in sys.modules if one.partition(".")[0] == "finlab"]:
                del sys.modules[name]
        if self not in sys.meta_path:
            sys.meta_path.insert(0, self)

    def find_spec(self, fullname: str, *_: object) -> importlib.machinery.ModuleSpec | None:
        """Answer for finlab itself; its parts are there as soon as it is."""
        return importlib.machinery.ModuleSpec(fullname, self, is_package=True) if fullname == "finlab" else None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        """Return finlab, with its parts in their places."""
        modules = self._make()
        sys.modules.update(modules)
        return modules[spec.name]

    def exec_module(self, module: types.ModuleType) -> None:
        """Nothing is left to do."""


_finlab = _Finlab()


def _finlab_modules(data: DataAccess, recorder: SimRecorder, notes: Notes) -> dict[str, types.ModuleType]:
    finlab = types.ModuleType("finlab")
    backtest = types.ModuleType("finlab.backtest")
    backtest.sim = recorder.finlab_sim  # type: ignore[attr-defined]
    dataframe = types.ModuleType("finlab.dataframe")
    dataframe.FinlabDataFrame = StrategyFrame  # type: ignore[attr-defined]
    report = types.ModuleType("finlab.report")
    report.Report = LazyReport  # type: ignore[attr-defined]
    finlab.data, finlab.backtest, finlab.dataframe, finlab.report = data, backtest, dataframe, report  # type: ignore[attr-defined]
    finlab.login = lambda *_, **__: notes.add("finlab.login does nothing inside a strategy.")  # type: ignore[attr-defined]
    data_module = types.ModuleType("finlab.data")
    data_module.__getattr__ = lambda name: getattr(data, name)  # type: ignore[method-assign]
    return {
        "finlab": finlab,
        "finlab.data": data_module,
        "finlab.backtest": backtest,
        "finlab.dataframe": dataframe,
        "finlab.report": report,
    }
