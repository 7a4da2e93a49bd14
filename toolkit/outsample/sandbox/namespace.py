"""The names that a strategy finds, and the modules planted for its imports."""

from __future__ import annotations

import sys
import types
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
    """Return a new namespace for one execution, and plant finlab's modules for it."""
    recorder = SimRecorder(dataset, notes)
    data = DataAccess(dataset)
    _plant_finlab(data, recorder, notes)
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


def _plant_finlab(data: DataAccess, recorder: SimRecorder, notes: Notes) -> None:
    finlab = types.ModuleType("finlab")
    finlab.__path__ = []
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
    sys.modules.update(
        {
            "finlab": finlab,
            "finlab.data": data_module,
            "finlab.backtest": backtest,
            "finlab.dataframe": dataframe,
            "finlab.report": report,
        }
    )
