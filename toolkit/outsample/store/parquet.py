"""Tables as Parquet files, written and read through pyarrow.

pandas' own reader and writer merge null and NaN; here NaN stays NaN, null is for moments that are not
(NaT) and text that is not there. Long tables are sparse: [date, symbol, value], without the zeros.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from outsample.errors import DataInvalid

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["read_table", "read_wide", "wide_shape", "write_long", "write_table"]

COMPRESSIONS = ("snappy", "zstd", "gzip", "none")


def write_table(path: Path, table: pd.DataFrame, *, compression: str = "snappy") -> None:
    """Write a table with plain columns; its index is not written.

    Parameters
    ----------
    path : Path
    table : DataFrame
        Columns of float, int, bool, moments or text. NaN is kept as NaN, NaT and missing text as null.
    compression : {"snappy", "zstd", "gzip", "none"}

    Raises
    ------
    DataInvalid
        A column mixes types.
    """
    import pyarrow as pa

    arrays = {str(name): _array(table.iloc[:, place]) for place, name in enumerate(table.columns)}
    _write(path, pa.table(arrays), compression)


def write_long(path: Path, frame: pd.DataFrame, value: str, *, compression: str = "snappy") -> None:
    """Write a wide frame [date x symbol] as long, sparse rows: NaN is a row, zero is none.

    The column of dates is "date" when every stamp is a midnight without a zone, else "timestamp".
    Symbols that are all whole numbers stay whole numbers; others are text.
    """
    import pyarrow as pa

    values = np.ascontiguousarray(frame.to_numpy(dtype=np.float64)).ravel()
    places = np.flatnonzero(values != 0.0)  # NaN differs from zero too
    rows, columns = np.divmod(places.astype(np.int32 if values.size < 2**31 else np.int64), max(frame.shape[1], 1))
    name, dates = _dates(pd.DatetimeIndex(frame.index))
    table = pa.table(
        {
            # A dictionary of moments would lose their zone on the way through the file.
            name: dates.take(pa.array(rows)),
            "symbol": pa.DictionaryArray.from_arrays(pa.array(columns), _symbols(frame.columns)),
            value: pa.array(values[places]),
        }
    )
    _write(path, table, compression, dictionary=[name, "symbol"])


def read_table(path: Path) -> pd.DataFrame:
    """Read a Parquet file: float64 with NaN as NaN, moments with their zone, Int64 where whole numbers are missing."""
    import pyarrow.parquet as pq

    table = pq.read_table(path, memory_map=False)
    return pd.DataFrame({name: _column(table.column(name)) for name in table.column_names})


def wide_shape(frame: pd.DataFrame) -> dict[str, Any]:
    """Return what a long table does not say of its wide frame: every date, every symbol, their types."""
    index = pd.DatetimeIndex(frame.index)
    plain = index if index.tz is None else index.tz_convert("UTC").tz_localize(None)
    return {
        "dates": plain.as_unit("ns").asi8.tolist(),
        "unit": index.unit,
        "zone": None if index.tz is None else str(index.tz),
        "index_name": frame.index.name,
        "symbols": [item.item() if isinstance(item, np.generic) else item for item in frame.columns],
        "symbols_dtype": str(frame.columns.dtype),
        "columns_name": frame.columns.name,
        "dtype": "bool" if frame.size and (frame.dtypes == np.bool_).all() else "float64",
    }


def read_wide(path: Path, shape: Mapping[str, Any]) -> pd.DataFrame:
    """Read long, sparse rows back into the wide frame that `wide_shape` described, exactly."""
    import pyarrow.parquet as pq

    stamps = np.asarray(shape["dates"], dtype=np.int64)
    columns = pd.Index(shape["symbols"], dtype=shape["symbols_dtype"], name=shape["columns_name"])
    table = pq.read_table(path, memory_map=False, read_dictionary=["symbol"])
    values = np.zeros(len(stamps) * len(columns))
    if table.num_rows:
        coarse = stamps // 1_000_000 * 1_000_000 if table.column_names[0] == "date" else stamps
        rows = _places(table.column(0), pd.Index(coarse))
        values[rows * len(columns) + _symbol_places(table.column(1), columns)] = table.column(2).to_numpy()
    index = pd.DatetimeIndex(stamps.view("datetime64[ns]")).as_unit(shape["unit"])
    if shape["zone"] is not None:
        index = index.tz_localize("UTC").tz_convert(shape["zone"])
    grid = values.reshape(len(stamps), len(columns))
    frame = pd.DataFrame(grid, index=index.rename(shape["index_name"]), columns=columns, copy=False)
    return frame.astype(bool) if shape["dtype"] == "bool" else frame


# -- helpers


def _array(series: pd.Series) -> pa.Array:
    import pyarrow as pa

    dtype = series.dtype
    if isinstance(dtype, pd.DatetimeTZDtype) or dtype.kind == "M":
        return _stamps(pd.DatetimeIndex(series))
    if isinstance(dtype, np.dtype) and dtype.kind in "fiub":
        return pa.array(series.to_numpy())
    if pd.api.types.is_integer_dtype(dtype) or pd.api.types.is_bool_dtype(dtype):
        return pa.array(series, from_pandas=True)
    if pd.api.types.is_float_dtype(dtype):
        return pa.array(series.to_numpy(dtype=np.float64, na_value=np.nan))
    found = [None if missing else item for item, missing in zip(series, series.isna(), strict=True)]
    if found and all(isinstance(item, int | np.integer) and not isinstance(item, bool) for item in found):
        return pa.array(found, type=pa.int64())
    try:
        return pa.array(found, type=pa.string())
    except (pa.ArrowTypeError, pa.ArrowInvalid) as error:
        raise DataInvalid(
            f"Column {series.name!r} mixes types: {error}.", hint="Convert it to one type, for example astype(str)."
        ) from error


def _dates(index: pd.DatetimeIndex) -> tuple[str, pa.Array]:
    import pyarrow as pa

    if index.tz is None and (index == index.normalize()).all():
        days = index.as_unit("ns").asi8 // 86_400_000_000_000
        return "date", pa.array(days.astype(np.int32)).cast(pa.date32())
    return "timestamp", _stamps(index)


def _stamps(index: pd.DatetimeIndex) -> pa.Array:
    """Microseconds, or nanoseconds where those would lose something; NaT is null."""
    import pyarrow as pa

    zone = None if index.tz is None else str(index.tz)
    plain = index if index.tz is None else index.tz_convert("UTC").tz_localize(None)
    fine = plain.as_unit("ns").asi8
    missing = plain.isna()
    coarse = bool((fine[~np.asarray(missing)] % 1000 == 0).all())
    unit, values = ("us", fine // 1000) if coarse else ("ns", fine)
    return pa.array(values, mask=np.asarray(missing)).cast(pa.timestamp(unit, tz=zone))


def _symbols(columns: pd.Index) -> pa.Array:
    import pyarrow as pa

    if columns.dtype.kind in "iu":
        return pa.array(columns.to_numpy().astype(np.int64))
    return pa.array([str(item) for item in columns], type=pa.string())


def _column(column: pa.ChunkedArray) -> pd.Series:
    import pyarrow as pa

    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    kind = column.type
    if pa.types.is_date32(kind):
        column = column.cast(pa.timestamp("s"))
    if pa.types.is_timestamp(column.type):
        zone = column.type.tz
        stamps = pd.Series(pd.DatetimeIndex(column.cast(pa.timestamp("ns")).to_numpy()))
        return stamps if zone is None else stamps.dt.tz_localize("UTC").dt.tz_convert(zone)
    if pa.types.is_integer(kind) and column.null_count:
        return pd.Series(pd.array(column.to_pylist(), dtype="Int64"))
    if pa.types.is_string(kind):
        return pd.Series(column.to_pylist(), dtype=object)
    return pd.Series(column.to_numpy())


def _places(column: pa.ChunkedArray, stamps: pd.Index) -> np.ndarray[Any, Any]:
    """Row of each stamp; stamps come in runs, and each run is looked up once."""
    import pyarrow as pa

    moments = column.cast(pa.timestamp("ns", tz=getattr(column.type, "tz", None))).to_numpy().view(np.int64)
    starts = np.flatnonzero(np.diff(moments, prepend=moments[0] - 1))
    found = stamps.get_indexer(pd.Index(moments[starts]))
    return np.repeat(found, np.diff(starts, append=len(moments)))


def _symbol_places(column: pa.ChunkedArray, columns: pd.Index) -> np.ndarray[Any, Any]:
    """Column of each symbol; text is looked up once per different symbol."""
    import pyarrow as pa

    if not pa.types.is_dictionary(column.type):
        return columns.get_indexer(pd.Index(column.to_numpy()))
    known = pd.Index([str(item) for item in columns], dtype=object)
    merged = column.unify_dictionaries().combine_chunks()
    parts = merged.chunks if isinstance(merged, pa.ChunkedArray) else [merged]
    return np.concatenate(
        [
            known.get_indexer(pd.Index(part.dictionary.to_pylist(), dtype=object))[part.indices.to_numpy()]
            for part in parts
        ]
    )


def _write(path: Path, table: pa.Table, compression: str, dictionary: list[str] | None = None) -> None:
    import pyarrow.parquet as pq

    # Dictionaries of floats cost time and save nothing.
    pq.write_table(
        table, path, compression=compression, use_dictionary=dictionary or False, store_schema=True, version="2.6"
    )
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
