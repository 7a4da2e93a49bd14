"""What a dataset covers: first and last bar, gaps and staleness of every symbol."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from outsample.data.entry import longest_runs

__all__ = ["Description", "describe_prices"]

# Two bars of daily data that are further apart than this are a gap of the calendar.
_LONG_PAUSE = 4.0


@dataclass(frozen=True, kw_only=True)
class Description:
    """Coverage of a dataset.

    Parameters
    ----------
    name : str
    bars : int
    first, last : Timestamp or None
        First and last bar of the dataset.
    frames : tuple of str
        Stored frames.
    adjusted : bool
        Whether there is a factor for splits and dividends (a frame adj_close beside close); without one,
        prices are taken as they are.
    table : DataFrame
        A row per symbol: first, last (bars with a price; NaT without any), bars (with a price), missing (bars
        between first and last without one), longest_gap (of those, in a row), coverage (share of the bars
        between first and last with a price), stale (longest run of bars on which the price does not move).
    pauses : DataFrame
        Spells without bars of more than four times the usual distance: after, before, days.
    warnings : tuple of str
        What was odd when the data came in.
    """

    name: str
    bars: int
    first: pd.Timestamp | None
    last: pd.Timestamp | None
    frames: tuple[str, ...]
    adjusted: bool
    table: pd.DataFrame
    pauses: pd.DataFrame
    warnings: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values; dates as text, null where there is none."""
        rows = [
            {"symbol": symbol, **{name: _plain(value) for name, value in row.items()}}
            for symbol, row in zip(self.table.index.tolist(), self.table.to_dict("records"), strict=True)
        ]
        return {
            "name": self.name,
            "bars": self.bars,
            "first": _plain(self.first),
            "last": _plain(self.last),
            "frames": list(self.frames),
            "adjusted": self.adjusted,
            "symbols": rows,
            "pauses": [{k: _plain(v) for k, v in row.items()} for row in self.pauses.to_dict("records")],
            "warnings": list(self.warnings),
        }

    def __str__(self) -> str:
        prices = "adjusted for splits and dividends" if self.adjusted else "as they are, no adjustment known"
        lines = [
            f"{self.name}: {len(self.table)} symbols, {self.bars} bars, {_plain(self.first)} to {_plain(self.last)}",
            f"frames: {', '.join(self.frames)}",
            f"prices: {prices}",
        ]
        if len(self.pauses):
            lines.append(f"pauses: {len(self.pauses)}, the longest {self.pauses['days'].max():g} days")
        return "\n".join([*lines, *(f"warning: {text}" for text in self.warnings), self.table.to_string()])

    __repr__ = __str__


def describe_prices(
    name: str, close: pd.DataFrame, *, stored: Sequence[str], warnings: Sequence[str] = ()
) -> Description:
    """Describe a dataset by its closes.

    Parameters
    ----------
    name : str
    close : DataFrame [date x symbol]
    stored : sequence of str
        Names of all its frames.
    warnings : sequence of str

    Examples
    --------
    >>> close = pd.DataFrame({"A": [1.0, np.nan, 2.0]}, index=pd.date_range("2024-01-01", periods=3))
    >>> describe_prices("toy", close, stored=["close"]).table[["bars", "missing", "longest_gap"]].loc["A"].tolist()
    [2, 1, 1]
    """
    dates = pd.DatetimeIndex(close.index)
    return Description(
        name=name,
        bars=len(dates),
        first=dates[0] if len(dates) else None,
        last=dates[-1] if len(dates) else None,
        frames=tuple(sorted(stored)),
        adjusted={"close", "adj_close"} <= set(stored),
        table=_symbols(close, dates),
        pauses=_pauses(dates),
        warnings=tuple(warnings),
    )


def _symbols(close: pd.DataFrame, dates: pd.DatetimeIndex) -> pd.DataFrame:
    values = close.to_numpy(dtype=np.float64)
    seen = ~np.isnan(values)
    some = seen.any(axis=0)
    first = seen.argmax(axis=0)
    last = len(dates) - 1 - seen[::-1].argmax(axis=0)
    rows = np.arange(len(dates))[:, None]
    holes = ~seen & (rows >= first) & (rows <= last) & some
    span = np.where(some, last - first + 1, 0)
    bars = seen.sum(axis=0)
    return pd.DataFrame(
        {
            "first": dates[first].where(some),
            "last": dates[last].where(some),
            "bars": bars,
            "missing": holes.sum(axis=0),
            "longest_gap": longest_runs(holes),
            "coverage": bars / np.where(some, span, 1),
            "stale": longest_runs(values[1:] == values[:-1]),
        },
        index=close.columns,
    )


def _pauses(dates: pd.DatetimeIndex) -> pd.DataFrame:
    days = np.diff(dates.as_unit("ns").asi8) / 86_400e9
    # A week of holidays in daily data is ordinary: four days stand for the usual distance there.
    usual = max(float(np.median(days)), 1.0) * _LONG_PAUSE + 2.0 if len(days) else 0.0
    long = np.flatnonzero(days > usual)
    return pd.DataFrame({"after": dates[long], "before": dates[long + 1], "days": days[long]})


def _plain(value: object) -> Any:  # noqa: ANN401 - whatever a cell holds
    if value is None or value is pd.NaT:
        return None
    if isinstance(value, pd.Timestamp):
        return str(value.date()) if value == value.normalize() else str(value)
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    return value.item() if isinstance(value, np.generic) else value
