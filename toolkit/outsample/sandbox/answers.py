"""What ``sim`` is inside a strategy: it notes the call, and answers with a simulation if one is read.

Only the position and the options leave the sandbox; every number in a report is computed again, outside.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from outsample.config import option_names, resolve_options
from outsample.data import Dataset
from outsample.errors import ConfigError, nearest
from outsample.sandbox.stubs import Notes

__all__ = ["LazyReport", "SimRecorder"]

FINLAB_ORDER = (
    "resample",
    "resample_offset",
    "trade_at_price",
    "position_limit",
    "fee_ratio",
    "tax_ratio",
    "name",
    "stop_loss",
    "take_profit",
    "trail_stop",
    "touched_exit",
    "retain_cost_when_rebalance",
    "stop_trading_next_period",
)
# Options of finlab's sim that say how it shows or uploads a report, not what is traded.
FINLAB_PRESENTATION = frozenset(
    [
        "name",
        "upload",
        "live_performance_start",
        "mae_mfe_window",
        "mae_mfe_window_step",
        "market",
        "notification_enable",
        "line_access_token",
        "fast_mode",
        "title",
    ]
)
_SILENT = frozenset({"display", "show", "plot", "upload", "to_html", "to_pickle"})
# finlab's name -> what ours is called
_TRANSLATED = {
    "daily_creturn": "creturn",
    "benchmark": "Result.metrics",
    "get_mae_mfe": "get_trades",
    "position_info": "position",
    "current_trades": "get_trades",
    "next_trading_date": "Result.simulation.next_weights",
    "actions": "Result.simulation.next_weights",
}
_PUBLIC = ("get_stats", "get_metrics", "get_trades", "creturn", "position", "display")


class SimRecorder:
    """Remembers the last call of ``sim``.

    Parameters
    ----------
    data : Dataset
        The dataset of the run.
    notes : Notes
        Where remarks go.
    """

    def __init__(self, data: Dataset, notes: Notes) -> None:
        self._data = data
        self._notes = notes
        self.position: object = None
        self.dialect = "outsample"
        self.options: dict[str, object] | None = None

    def sim(self, position: object, *rest: object, **options: object) -> LazyReport:
        """Note a call of outsample's ``sim``: options are keywords only."""
        if rest:
            raise TypeError("sim takes the position and then keywords: sim(position, resample='ME').")
        return self._note("outsample", position, options)

    def finlab_sim(self, position: object, *rest: object, **options: object) -> LazyReport:
        """Note a call of finlab's ``sim``: options in finlab's order, or as keywords."""
        if len(rest) > len(FINLAB_ORDER):
            raise TypeError(f"sim takes at most {len(FINLAB_ORDER) + 1} positional arguments. Got {len(rest) + 1}.")
        for name, value in zip(FINLAB_ORDER, rest, strict=False):
            if name in options:
                raise TypeError(f"sim got two values for {name!r}.")
            options[name] = value
        for name in sorted(FINLAB_PRESENTATION & options.keys()):
            del options[name]
            if name not in ("name", "upload", "title"):
                self._notes.add(f"sim: the option {name!r} is ignored.")
        return self._note("finlab", position, options)

    def _note(self, dialect: str, position: object, options: Mapping[str, object]) -> LazyReport:
        known = option_names()
        for name in options:
            if name not in known:
                hint = nearest(name, known) or f"Options: {', '.join(known)}."
                raise ConfigError(f"sim has no option {name!r}.", hint=hint)
        plain = {name: _plain(name, value) for name, value in options.items() if value is not None}
        # Checked here too, for the sake of the line number; the caller checks again.
        resolve_options(plain)
        self.position, self.dialect, self.options = position, dialect, plain
        return LazyReport(position, self._data, plain, self._notes)


def _plain(name: str, value: object) -> object:
    """Return an option as a scalar or a list of ISO dates."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, pd.Timestamp | dt.datetime | dt.date | np.datetime64):
        return pd.Timestamp(value).isoformat()
    if isinstance(value, pd.Timedelta | dt.timedelta | np.timedelta64):
        return pd.Timedelta(value).isoformat()
    if isinstance(value, pd.DateOffset):
        return value.freqstr
    if isinstance(value, pd.DataFrame | pd.Series | np.ndarray):
        raise ConfigError(
            f"The option {name!r} of sim must be a number, a text or a list of dates. Got a {type(value).__name__}.",
            hint=f"For the dates of a frame write {name}=frame.index." if name == "resample" else "",
        )
    if isinstance(value, pd.DatetimeIndex | list | tuple | set | frozenset):
        try:
            return [pd.Timestamp(item).isoformat() for item in value]
        except (TypeError, ValueError):
            pass
    raise ConfigError(
        f"The option {name!r} of sim must be a number, a text or a list of dates. Got {type(value).__name__}."
    )


class LazyReport:
    """What ``sim`` answers inside a strategy; computed when something of it is read.

    Attributes
    ----------
    position : DataFrame
        As it was given.
    """

    def __init__(self, position: object, data: Dataset, options: Mapping[str, object], notes: Notes) -> None:
        self.position = position
        self._data = data
        self._options = options
        self._notes = notes
        self._simulation: object = None

    def _simulate(self) -> object:
        if self._simulation is None:
            from outsample.engine import sim

            simulate: Callable[..., object] = sim
            self._simulation = simulate(self.position, self._data, **self._options)
        return self._simulation

    @property
    def creturn(self) -> pd.Series:
        """Equity by date."""
        return self._simulate().equity  # type: ignore[attr-defined,no-any-return]

    def get_trades(self) -> pd.DataFrame:
        """Return the trades, one row each."""
        return self._simulate().trades  # type: ignore[attr-defined,no-any-return]

    def get_metrics(self) -> dict[str, object]:
        """Return the metrics by name."""
        from outsample.metrics import measure

        compute: Callable[..., Any] = measure
        return dict(compute(self._simulate()).to_dict())

    def get_stats(self, *args: object, **kwargs: object) -> dict[str, object]:  # noqa: ARG002 - finlab's
        """Return the metrics, under finlab's names too. Arguments are ignored."""
        stats = self.get_metrics()
        return {**stats, "daily_sharpe": stats.get("sharpe"), "daily_sortino": stats.get("sortino")}

    def __getattr__(self, name: str) -> object:
        if name in _SILENT:
            return lambda *_, **__: self._notes.add(f"{name}() does nothing inside a strategy.")
        if name in _TRANSLATED:
            raise AttributeError(f"The report of sim has no {name!r}; ours is called {_TRANSLATED[name]!r}.")
        if name.startswith("_"):
            raise AttributeError(name)
        simulation = self._simulate()
        if hasattr(simulation, name):
            return getattr(simulation, name)
        hint = nearest(name, _PUBLIC) or f"It has {', '.join(_PUBLIC)}."
        raise AttributeError(f"The report of sim has no {name!r}. {hint}")
