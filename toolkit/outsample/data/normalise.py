"""What a table must be before it becomes part of a dataset: checks on entry, and one form for all.

Errors (`DataInvalid`) are for tables that cannot mean one thing; everything that is odd and still
usable becomes a recorded warning of the dataset.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from outsample.data.entry import check_prices
from outsample.data.tables import is_table, normalise_tables
from outsample.errors import DataInvalid, DataMissing

__all__ = ["DELISTED", "PRICE_FIELDS", "as_pandas", "delisting_by_symbol", "delisting_dates", "normalise_frames"]

# Frames that share one grid of dates x symbols.
PRICE_FIELDS = ("open", "high", "low", "close", "adj_close", "volume")
# The table of delisting dates.
DELISTED = "delisted"


def as_pandas(table: object) -> pd.DataFrame | pd.Series:
    """Return a pandas table from a pandas, polars or pyarrow one.

    A polars or pyarrow table has no index: its first column of dates becomes the index.
    """
    if isinstance(table, pd.DataFrame | pd.Series):
        return table
    convert = getattr(table, "to_pandas", None)
    if convert is None:
        raise DataInvalid(
            f"A frame is a pandas, polars or pyarrow table. Got {type(table).__name__}.",
            hint="Wide: dates as index, one column per symbol.",
        )
    frame = convert()
    if isinstance(frame, pd.DataFrame) and isinstance(frame.index, pd.RangeIndex):
        for column in frame.columns:
            if pd.api.types.is_datetime64_any_dtype(frame[column]) or str(frame[column].dtype).startswith("date32"):
                return frame.set_index(column)
    return frame  # type: ignore[no-any-return]


def normalise_frames(frames: Mapping[str, object]) -> tuple[dict[str, pd.DataFrame], tuple[str, ...]]:
    """Check tables and bring them to one form.

    Parameters
    ----------
    frames : mapping of str to table
        "close" (or "adj_close") is needed; other prices share its grid; a table with the columns symbol,
        period, known, value is point-in-time; everything else is kept as it is, sorted.

    Returns
    -------
    frames : dict of str to DataFrame
        Sorted rows and columns, float64 or bool, price frames on one grid.
    warnings : tuple of str

    Raises
    ------
    DataMissing
        There are no prices.
    DataInvalid
        Duplicate dates or symbols, prices that are not positive, columns that are not numbers.
    """
    warnings: list[str] = []
    tables = {name: _wide(as_pandas(frame)) for name, frame in frames.items()}
    long = {name: table for name, table in tables.items() if isinstance(table, pd.DataFrame) and is_table(table)}
    tables = {name: table for name, table in tables.items() if name not in long}
    if not {"close", "adj_close"} & set(tables):
        raise DataMissing(
            f"A dataset needs a frame 'close'. Got {', '.join(map(repr, tables)) or 'no frames'}.",
            hint="Dataset.from_frames({'close': frame}, name='...'), dates x symbols.",
        )
    clean = {name: _panel(name, table, warnings) for name, table in tables.items() if not _is_mapping(table)}
    clean |= {name: _symbol_table(name, table) for name, table in tables.items() if _is_mapping(table)}
    prices = [name for name in PRICE_FIELDS if name in clean]
    dates, symbols = clean[prices[0]].index, clean[prices[0]].columns
    for name in prices[1:]:
        dates, symbols = dates.union(clean[name].index), symbols.union(clean[name].columns)
    for name in prices:
        frame = clean[name]
        if not (frame.index.equals(dates) and frame.columns.equals(symbols)):
            warnings.append(f"{name} does not cover all dates and symbols of the other prices; the rest is missing.")
            clean[name] = frame.reindex(index=dates, columns=symbols)
    warnings += check_prices({name: clean[name] for name in prices})
    clean |= normalise_tables(long, pd.DatetimeIndex(dates))
    if DELISTED in clean:
        table = clean[DELISTED]
        clean[DELISTED] = table.assign(value=delisting_dates(table["value"], pd.DatetimeIndex(dates).tz))
    return clean, tuple(warnings)


def delisting_dates(values: pd.Series, zone: datetime.tzinfo | None) -> pd.Series:
    """Return delisting dates that compare with bars of a zone.

    Parameters
    ----------
    values : Series
        Dates, or what pandas reads as such, NaT where none is known.
    zone : tzinfo or None
        Of the bars. A date without one is a day of theirs; for bars without one, dates of any zone are the
        days that they say.

    Raises
    ------
    DataInvalid
        They are no dates.
    """
    if not pd.api.types.is_datetime64_any_dtype(values):
        given = values.dropna()
        try:
            if any(isinstance(value, bool | int | float | np.number | np.bool_) for value in given):
                raise TypeError("a number is no date")
            values = pd.Series(pd.DatetimeIndex(values).as_unit("ns"), index=values.index)
        except (ValueError, TypeError) as error:
            wrong = next((value for value in given if not _is_date(value)), given.iloc[0])
            raise DataInvalid(
                f"{DELISTED} maps symbols to dates. Got {wrong!r}.",
                hint="pd.Series({'A': pd.Timestamp('2024-02-15')}), all with one time zone or all without.",
            ) from error
    if (values.dt.tz is None) == (zone is None):
        return values
    # To None: the day that is said, whatever the zone. Some zones have days without a midnight, or with two.
    first = np.zeros(len(values), dtype=bool)
    moved: pd.Series = values.dt.tz_localize(zone, ambiguous=first, nonexistent="shift_forward")
    return moved


def delisting_by_symbol(table: pd.DataFrame | None, symbols: list[Any], zone: datetime.tzinfo | None) -> pd.Series:
    """Return the delisting date of each symbol, in the zone of the bars; NaT where none is known."""
    kind = np.dtype("datetime64[ns]") if zone is None else pd.DatetimeTZDtype("ns", zone)
    if table is None:
        return pd.Series(pd.NaT, index=pd.Index(symbols), dtype=kind)
    dates = pd.Series(delisting_dates(table["value"], zone).array, index=table["symbol"].to_numpy())
    return dates.reindex(pd.Index(symbols)).astype(kind)


def _is_date(value: object) -> bool:
    if isinstance(value, bool | int | float | np.number | np.bool_):
        return False
    try:
        pd.Timestamp(value)  # type: ignore[arg-type]
    except (ValueError, TypeError):
        return False
    return True


def _wide(table: pd.DataFrame | pd.Series) -> pd.DataFrame | pd.Series:
    """A series over dates is the frame of one symbol."""
    if isinstance(table, pd.Series) and isinstance(table.index, pd.DatetimeIndex):
        return table.to_frame("asset" if table.name is None else table.name)
    return table


def _is_mapping(table: pd.DataFrame | pd.Series) -> bool:
    """Whether a table maps symbols to something (categories, delisting dates) instead of dates to values."""
    return isinstance(table, pd.Series) or (
        list(table.columns) == ["symbol", "value"] and isinstance(table.index, pd.RangeIndex)
    )


def _symbol_table(name: str, table: pd.DataFrame | pd.Series) -> pd.DataFrame:
    if isinstance(table, pd.DataFrame):
        return table.sort_values("symbol").reset_index(drop=True)
    if not table.index.is_unique:
        raise DataInvalid(f"{name} names a symbol twice: {table.index[table.index.duplicated()][0]!r}.")
    sorted_table = table.sort_index()
    return pd.DataFrame({"symbol": sorted_table.index.to_numpy(), "value": sorted_table.to_numpy()})


def _panel(name: str, table: pd.DataFrame | pd.Series, warnings: list[str]) -> pd.DataFrame:
    frame = pd.DataFrame(table)
    index = _dates(name, frame.index)
    if not index.is_unique:
        twice = index[index.duplicated()][0]
        raise DataInvalid(f"{name} has the date {twice} twice.", hint="Keep one row per date.")
    if not frame.columns.is_unique:
        symbol = frame.columns[frame.columns.duplicated()][0]
        raise DataInvalid(f"{name} has the symbol {symbol!r} twice.", hint="Keep one column per symbol.")
    if not index.is_monotonic_increasing:
        warnings.append(f"{name} was not sorted by date; it is now.")
    values = _values(name, frame)
    try:
        columns = frame.columns.argsort()
    except TypeError as error:
        raise DataInvalid(f"{name} mixes symbols of several types.", hint="Use str for all of them.") from error
    rows = index.argsort()
    # Fortran order: operators run down the columns, and ids hash them one by one.
    ordered = np.asfortranarray(values[np.ix_(rows, columns)])
    ordered.flags.writeable = False
    return pd.DataFrame(
        ordered, index=index[rows].rename(None), columns=frame.columns[columns].rename(None), copy=False
    )


def _dates(name: str, index: pd.Index) -> pd.DatetimeIndex:
    if not isinstance(index, pd.DatetimeIndex):
        if pd.api.types.is_numeric_dtype(index.dtype):
            raise DataInvalid(
                f"{name} has an index of numbers, not of dates: {index[0] if len(index) else '(empty)'!r} ...",
                hint="Set the dates as index, for example frame.set_index('date').",
            )
        try:
            index = pd.DatetimeIndex(index)
        except (ValueError, TypeError) as error:
            raise DataInvalid(f"{name} has an index that cannot be read as dates: {index[0]!r} ...") from error
    if index.hasnans:
        raise DataInvalid(f"{name} has a row without a date.", hint="Drop it: frame[frame.index.notna()].")
    return index.as_unit("ns")


def _values(name: str, frame: pd.DataFrame) -> np.ndarray:
    if all(pd.api.types.is_bool_dtype(dtype) for dtype in frame.dtypes) and frame.shape[1]:
        return frame.to_numpy(dtype=bool)
    try:
        values = frame.to_numpy(dtype=np.float64, na_value=np.nan)
    except (ValueError, TypeError) as error:
        odd = [column for column in frame.columns if not pd.api.types.is_numeric_dtype(frame[column].dtype)]
        raise DataInvalid(
            f"{name} has columns that are not numbers: {', '.join(map(repr, odd[:5]))}.",
            hint="A frame is wide: dates as index, one column of numbers per symbol.",
        ) from error
    if np.isinf(values).any():
        raise DataInvalid(f"{name} has infinite values.", hint="Replace them with NaN.")
    return values
