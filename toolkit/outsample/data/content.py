"""Content ids: the same table has the same id, whatever wrote it and wherever it is read.

The id of a frame is the sha256 of a header (canonical JSON: kind, number of rows, type and zone of the
index, name and type of each column) followed by the buffers, little-endian, columns sorted by name.
Times are int64 nanoseconds, strings are UTF-8 with their lengths, there is one NaN pattern and one
zero, and NA of the nullable types is a mask. Names of the index, order of columns, memory layout and
file formats are not content: three versions of a Parquet writer make three files of one table.

A snapshot's id is the sha256 of the canonical JSON ``{frame name: frame id}``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from outsample.canonical import canonical_json, digest
from outsample.errors import DataInvalid

__all__ = ["ColumnIds", "frame_id", "snapshot_id"]

_MAGIC = b"outsample frame 1\n"


def frame_id(frame: pd.DataFrame) -> str:
    """Return the content id of a table.

    Parameters
    ----------
    frame : DataFrame [rows x columns]
        Columns named by str or int, of float, int, bool, string or datetime type. An index that
        counts 0, 1, 2, ... is no content.

    Returns
    -------
    str
        64 hexadecimal digits.

    Raises
    ------
    DataInvalid
        A column or index has a type without canonical content.

    Examples
    --------
    >>> a = pd.DataFrame({"x": [1.0, -0.0], "y": [True, False]})
    >>> frame_id(a) == frame_id(a[["y", "x"]] + 0)
    False
    >>> frame_id(a) == frame_id(a[["y", "x"]])
    True
    """
    index_type, index_buffers = _index(frame.index)
    order = sorted(range(frame.shape[1]), key=lambda place: _name(frame.columns[place]))
    block = _float_block(frame)
    columns = [
        (_name(frame.columns[place]), *(_column(frame.iloc[:, place]) if block is None else _block(block[:, place])))
        for place in order
    ]
    state = _begun([(name, kind) for name, kind, _ in columns], index_type, index_buffers, len(frame))
    for _, _, buffers in columns:
        for buffer in buffers:
            state.update(buffer)
    return state.hexdigest()


class ColumnIds:
    """Ids of tables of one column of float64 that have the same index.

    Parameters
    ----------
    name : str
        Of the column.
    index : Index

    Examples
    --------
    >>> ids = ColumnIds("x", pd.date_range("2024-01-01", periods=2))
    >>> ids.of(np.array([1.0, np.nan])) == frame_id(pd.DataFrame({"x": [1.0, None]}, index=ids.index))
    True
    """

    def __init__(self, name: str, index: pd.Index) -> None:
        self.index = index
        self._state = _begun([(_name(name), "float")], *_index(index), len(index))

    def of(self, values: np.ndarray) -> str:
        """Return the id of the table with these values [row]."""
        state = self._state.copy()
        state.update(_canonical(values).tobytes())
        return state.hexdigest()


def _begun(
    columns: Sequence[tuple[tuple[str, str], str]], index_type: str, index_buffers: Iterator[bytes], rows: int
) -> hashlib._Hash:
    """The digest of a table up to its columns, each of which has a name and a kind."""
    header = canonical_json(
        {"columns": [[list(name), kind] for name, kind in columns], "index": index_type, "rows": rows}
    )
    state = hashlib.sha256(_MAGIC)
    state.update(len(header).to_bytes(8, "little"))
    state.update(header)
    for buffer in index_buffers:
        state.update(buffer)
    return state


def snapshot_id(frame_ids: Mapping[str, str]) -> str:
    """Return the id of a snapshot: the digest of its frames' ids by name.

    Examples
    --------
    >>> snapshot_id({"close": "aa", "open": "bb"}) == snapshot_id({"open": "bb", "close": "aa"})
    True
    """
    return digest(dict(frame_ids))


def _name(label: object) -> tuple[str, str]:
    if isinstance(label, str):
        return ("s", label)
    if isinstance(label, int | np.integer) and not isinstance(label, bool):
        return ("i", str(int(label)))
    raise DataInvalid(
        f"Columns are named by str or int. Got {label!r} ({type(label).__name__}).",
        hint="Rename the columns, for example frame.columns = frame.columns.map(str).",
    )


def _index(index: pd.Index) -> tuple[str, Iterator[bytes]]:
    if isinstance(index, pd.RangeIndex) and index.equals(pd.RangeIndex(len(index))):
        return "none", iter(())
    return _column(pd.Series(index))


def _column(series: pd.Series) -> tuple[str, Iterator[bytes]]:
    """Kind of a column, and its buffers (made when they are hashed: one column in memory at a time)."""
    dtype = series.dtype
    if isinstance(dtype, pd.DatetimeTZDtype) or np.issubdtype(_numpy_type(dtype), np.datetime64):
        zone = str(dtype.tz) if isinstance(dtype, pd.DatetimeTZDtype) else ""
        return f"time:{zone}", iter((_times(series),))
    if pd.api.types.is_bool_dtype(dtype) and not isinstance(dtype, pd.CategoricalDtype):
        return _nullable(series, "bool", "u1")
    if pd.api.types.is_integer_dtype(dtype):
        return _nullable(series, "int", "<i8")
    if pd.api.types.is_float_dtype(dtype):
        return "float", (_floats(series) for _ in range(1))
    return "string", _strings(series)


def _float_block(frame: pd.DataFrame) -> np.ndarray | None:
    """All values of a frame of plain float64, with one NaN and one zero; taking columns out one by one is slow."""
    if not frame.shape[1] or not all(dtype == np.dtype(np.float64) for dtype in set(frame.dtypes)):
        return None
    return _canonical(frame.to_numpy())


def _block(values: np.ndarray) -> tuple[str, Iterator[bytes]]:
    return "float", (values.tobytes() for _ in range(1))


def _numpy_type(dtype: object) -> np.dtype[np.generic]:
    return dtype if isinstance(dtype, np.dtype) else np.dtype(object)


def _times(series: pd.Series) -> bytes:
    index = pd.DatetimeIndex(series)
    if index.tz is not None:
        index = index.tz_convert("UTC").tz_localize(None)
    return index.as_unit("ns").asi8.astype("<i8").tobytes()


def _floats(series: pd.Series) -> bytes:
    values = series.to_numpy(dtype=np.float64, na_value=np.nan)
    return _canonical(values).tobytes()


def _canonical(values: np.ndarray) -> np.ndarray:
    # + 0.0 turns -0.0 into 0.0; np.where gives every NaN the same bits.
    return np.where(np.isnan(values), np.nan, values + 0.0).astype("<f8", copy=False)


def _nullable(series: pd.Series, kind: str, width: str) -> tuple[str, Iterator[bytes]]:
    missing = series.isna().to_numpy()
    if not missing.any():
        return kind, (_whole(series, width) for _ in range(1))
    filled = series.fillna(False if kind == "bool" else 0)
    return f"{kind}?", iter((missing.astype("u1").tobytes(), _whole(filled, width)))


def _whole(series: pd.Series, width: str) -> bytes:
    if series.dtype == np.uint64 and len(series) and int(series.max()) > np.iinfo(np.int64).max:
        raise DataInvalid(f"Column {series.name!r} has whole numbers above 2^63 - 1.", hint="Store them as strings.")
    return series.to_numpy().astype(width).tobytes()


def _strings(series: pd.Series) -> Iterator[bytes]:
    missing = series.isna().to_numpy()
    for value, absent in zip(series, missing, strict=True):
        if absent:
            yield (-1).to_bytes(8, "little", signed=True)
            continue
        if not isinstance(value, str):
            raise DataInvalid(
                f"Column {series.name!r} mixes types: {value!r} is a {type(value).__name__}, not a str.",
                hint="Convert the column to one type, for example with astype(float) or astype(str).",
            )
        text = value.encode("utf-8", "surrogatepass")
        yield len(text).to_bytes(8, "little", signed=True)
        yield text
