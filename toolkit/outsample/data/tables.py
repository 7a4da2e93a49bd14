"""Point-in-time tables as part of a dataset: stored long, as published; served as daily frames.

A stored table has the columns symbol, period, known, value (`outsample.data.pointintime`). What a strategy
reads at t is the newest period that was known by t, in the version known by t.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from outsample.data.pointintime import COLUMNS, point_in_time
from outsample.errors import DataInvalid, DataMissing

__all__ = ["is_table", "known_by", "normalise_tables", "serve_table", "with_tables"]


# Names that mean something else in a dataset.
RESERVED = frozenset({"open", "high", "low", "close", "adj_close", "volume", "delisted", "universe"})


def is_table(frame: object) -> bool:
    """Whether a frame is a point-in-time table: exactly the columns symbol, period, known, value."""
    return (
        isinstance(frame, pd.DataFrame)
        and len(frame.columns) == len(COLUMNS)
        and set(map(str, frame.columns)) == set(COLUMNS)
    )


def with_tables(frames: Mapping[str, object], tables: Mapping[str, object]) -> dict[str, object]:
    """Return frames and point-in-time tables in one mapping.

    Raises
    ------
    DataInvalid
        A table has the name of a frame, or is none.
    DataMissing
        A table lacks a column.
    """
    found = dict(frames)
    for name, table in tables.items():
        if name in found or name in RESERVED:
            raise DataInvalid(f"The point-in-time table {name!r} has the name of a frame.", hint="Name it otherwise.")
        # A polars or pyarrow table; its index, were it made, would swallow a column.
        long = table if isinstance(table, pd.DataFrame) else getattr(table, "to_pandas", lambda: None)()
        if not isinstance(long, pd.DataFrame):
            raise DataInvalid(f"The point-in-time table {name!r} is no table but a {type(table).__name__}.")
        missing = [column for column in COLUMNS if column not in long.columns]
        if missing:
            raise DataMissing(
                f"The table {name!r} has no column {', '.join(map(repr, missing))}.",
                hint="One row per published figure: symbol, period, known, value.",
            )
        found[name] = long[list(COLUMNS)]
    return found


def normalise_tables(tables: Mapping[str, pd.DataFrame], dates: pd.DatetimeIndex) -> dict[str, pd.DataFrame]:
    """Check point-in-time tables and bring them to one form.

    Parameters
    ----------
    tables : mapping of str to DataFrame with the columns symbol, period, known, value
        Further columns are left out.
    dates : DatetimeIndex
        The bars; dates of publication are taken to their time zone.

    Returns
    -------
    dict of str to DataFrame
        Sorted by symbol, period and publication; `value` is float64. Rows without a value are left out.

    Raises
    ------
    DataMissing
        A column is not there.
    DataInvalid
        A date of publication is missing or no date, a value is no number, or a figure is given twice.
    """
    return {name: _table(name, table, dates) for name, table in tables.items()}


def serve_table(table: pd.DataFrame, dates: pd.DatetimeIndex, symbols: Sequence[Any]) -> pd.DataFrame:
    """Return a table as a read-only frame [date x symbol] of what was known at each bar; NaN before."""
    frame = point_in_time(table, dates, symbols=symbols)
    values = np.asfortranarray(frame.to_numpy())
    values.flags.writeable = False
    return pd.DataFrame(values, index=dates, columns=pd.Index(symbols), copy=False)


def known_by(table: pd.DataFrame, end: pd.Timestamp) -> pd.DataFrame:
    """Return the rows of a table that were published by a moment."""
    return table[table["known"] <= end].reset_index(drop=True)


def _table(name: str, table: pd.DataFrame, dates: pd.DatetimeIndex) -> pd.DataFrame:
    frame = pd.DataFrame(table).reset_index(drop=True)
    if not set(COLUMNS) - set(frame.columns):
        frame = frame[list(COLUMNS)]
        frame = frame.assign(
            known=_known(name, frame["known"], dates), period=_periods(frame["period"]), value=_values(name, frame)
        )
        frame = frame[frame["value"].notna()]
    point_in_time(frame, dates[:0])  # refuses what cannot be used
    return frame.sort_values(["symbol", "period", "known"], kind="stable").reset_index(drop=True)


def _known(name: str, column: pd.Series, dates: pd.DatetimeIndex) -> pd.Series:
    try:
        index = pd.DatetimeIndex(pd.to_datetime(column)).as_unit("ns")
    except (ValueError, TypeError) as error:
        raise DataInvalid(f"{name}: the column 'known' cannot be read as dates: {error}") from error
    if index.tz != dates.tz:
        index = index.tz_localize(dates.tz) if index.tz is None else index.tz_convert(dates.tz)
    return pd.Series(index, index=column.index)


def _periods(column: pd.Series) -> pd.Series:
    # A Period is not content; its first moment sorts the same.
    return column.dt.start_time if isinstance(column.dtype, pd.PeriodDtype) else column


def _values(name: str, frame: pd.DataFrame) -> pd.Series:
    try:
        return frame["value"].astype(np.float64)
    except (ValueError, TypeError) as error:
        raise DataInvalid(f"{name}: the column 'value' must be numbers: {error}") from error
