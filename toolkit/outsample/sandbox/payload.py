"""A dataset as one sealed block of memory that a confined child maps without copying.

::

    magic "OSD1" | u32 length of header | header (JSON) | padding | arrays, each aligned to 64 bytes

Written by the parent once per dataset object, sealed by the kernel against every change, and handed to children as
a descriptor. Tables of one dtype are one array, dates down and symbols across in C order; text and
categories travel as codes with the list of their values.
"""

from __future__ import annotations

import json
import mmap
import os
import struct
import sys
import threading
import weakref
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from outsample.data import Dataset, StrategyFrame
from outsample.data.base import again

__all__ = ["MappedDataset", "Payload", "dataset_payload", "encode_dataset", "memory_file", "open_payload"]

MAGIC = b"OSD1"
_PREFIX = struct.Struct("<4sI")
_ALIGN = 64
# F_ADD_SEALS with F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE, include/uapi/linux/fcntl.h
_SEALS = 0x0001 | 0x0002 | 0x0004 | 0x0008


class Payload:
    """A sealed memory file; closed when it is no longer used.

    Attributes
    ----------
    descriptor : int
    size : int
        Bytes.
    cells : int
        Dates x symbols of the dataset: bounds what a strategy may send back.
    """

    def __init__(self, parts: list[bytes | memoryview], *, cells: int) -> None:
        self.size = sum(len(part) for part in parts)
        self.cells = cells
        self.descriptor = memory_file("outsample-data", parts)
        self._finalizer = weakref.finalize(self, os.close, self.descriptor)

    def close(self) -> None:
        """Close the descriptor; more than once is fine."""
        self._finalizer()


def memory_file(name: str, parts: list[bytes | memoryview]) -> int:
    """Return the descriptor of a sealed memory file with this content."""
    import fcntl

    descriptor = os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        for part in parts:
            view = memoryview(part).cast("B")
            while view:
                view = view[os.write(descriptor, view) :]
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, _SEALS)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


_payloads: weakref.WeakKeyDictionary[Any, Payload] = weakref.WeakKeyDictionary()
_lock = threading.Lock()


def dataset_payload(data: Dataset) -> Payload:
    """Return the memory file of a dataset, made on the first call for this object."""
    with _lock:
        found = _payloads.get(data)
        if found is None:
            found = Payload(encode_dataset(data), cells=len(data.dates) * max(len(data.symbols), 1))
            _payloads[data] = found
        return found


def encode_dataset(data: Dataset) -> list[bytes | memoryview]:
    """Return the content of the memory file of a dataset, in pieces."""
    writer = _Writer()
    dates, symbols = data.dates, list(data.symbols)
    header = {
        "name": data.name,
        "market": data.market,
        "periods_per_year": float(data.periods_per_year),
        "benchmark": data.benchmark,
        "dates": writer.index(dates),
        "next_session": _next_session(data),
        "symbols": writer.labels(pd.Index(symbols)),
        "delisted": writer.values(data.delisted.to_numpy(dtype="datetime64[ns]").view("<i8")),
        "frames": {key: _encode_frame(writer, data.frame(key), dates, symbols) for key in data.keys()},  # noqa: SIM118
    }
    return writer.finish(header)


def _next_session(data: Dataset) -> int | None:
    """The trading day after the last bar, where the calendar is known: it ends a week, and is no price."""
    later = data.sessions[data.sessions > data.dates[-1]]
    return int(later[0].as_unit("ns").value) if len(later) else None


def _encode_frame(
    writer: _Writer, frame: pd.DataFrame, dates: pd.DatetimeIndex, symbols: list[object]
) -> Mapping[str, object]:
    said: dict[str, object] = {}
    if frame.index is not dates and not frame.index.equals(dates):
        said["index"] = writer.index(frame.index)
    if list(frame.columns) != symbols:
        said["columns"] = writer.labels(frame.columns)
    kinds = set(frame.dtypes)
    if len(kinds) == 1 and isinstance(kind := next(iter(kinds)), np.dtype) and kind.kind in "fiub":
        # By symbol, as the kernels read them and as pandas holds them.
        said["block"] = writer.values(frame.to_numpy().T)
    else:
        said["series"] = [writer.series(frame.iloc[:, place]) for place in range(frame.shape[1])]
    return said


class _Writer:
    """Collects arrays and remembers where each begins."""

    def __init__(self) -> None:
        self._arrays: list[np.ndarray] = []
        self._end = 0

    def values(self, array: np.ndarray) -> dict[str, object]:
        array = np.ascontiguousarray(array)
        place = {"at": self._end, "dtype": array.dtype.str, "shape": list(array.shape)}
        self._arrays.append(array)
        self._end += -(-array.nbytes // _ALIGN) * _ALIGN
        return place

    def index(self, index: pd.Index) -> dict[str, object]:
        if isinstance(index, pd.DatetimeIndex):
            stamps = np.asarray(index.as_unit("ns").asi8, dtype="<i8")
            return {"stamps": self.values(stamps), "tz": None if index.tz is None else str(index.tz)}
        return {"labels": self.labels(index)}

    def labels(self, index: pd.Index) -> list[object]:
        return [name.item() if isinstance(name, np.generic) else name for name in index]

    def series(self, column: pd.Series) -> dict[str, object]:
        if isinstance(column.dtype, pd.DatetimeTZDtype) or column.dtype.kind == "M":
            return {"index": self.index(pd.DatetimeIndex(column))}
        if isinstance(column.dtype, np.dtype) and column.dtype.kind in "fiub":
            return {"values": self.values(column.to_numpy())}
        codes, found = pd.factorize(column.astype(object))
        return {"codes": self.values(codes.astype("<i4")), "labels": [str(item) for item in found]}

    def finish(self, header: Mapping[str, object]) -> list[bytes | memoryview]:
        text = json.dumps(header).encode()
        start = -(-(_PREFIX.size + len(text)) // _ALIGN) * _ALIGN
        padded = text + b" " * (start - _PREFIX.size - len(text))
        parts: list[bytes | memoryview] = [_PREFIX.pack(MAGIC, len(padded)) + padded]
        for array in self._arrays:
            if array.nbytes:
                parts.append(array.data.cast("B"))
            parts.append(b"\0" * (-array.nbytes % _ALIGN))
        return parts


# ---------------------------------------------------------------------------------------------
# In the child


class MappedDataset(Dataset):
    """A dataset over a mapped memory file: each frame is built, without a copy, when it is asked for."""

    def __init__(self, header: Mapping[str, Any], memory: mmap.mmap, start: int) -> None:
        super().__init__(
            {},
            name=header["name"],
            market=header["market"],
            periods_per_year=header["periods_per_year"],
            details={"benchmark": header["benchmark"]},
        )
        self._header = header
        self._memory = memory
        self._start = start
        self._dates = self._index(header["dates"])
        self._names = self.labels = pd.Index(header["symbols"])
        self._mapped: dict[str, pd.DataFrame] = {}
        self._bound: dict[str, StrategyFrame] = {}
        self._symbols = list(self._names)

    def reopened(self) -> MappedDataset:
        """Return the same data as if they were opened anew."""
        return _read(self._memory)

    def get(self, key: str) -> StrategyFrame:
        """Return a frame for a strategy; see `Dataset.get`. Asked for again, it is a light copy of the first."""
        kept = self._bound.get(key)
        if kept is None:
            kept = super().get(key)
            if vars(kept).get("_token") is None:
                return kept  # nothing is copied on write here: each caller needs a frame of its own
            self._bound[key] = kept
        return again(kept)

    @property
    def dates(self) -> pd.DatetimeIndex:
        """The bars of the price frames."""
        assert isinstance(self._dates, pd.DatetimeIndex)
        return self._dates

    @property
    def sessions(self) -> pd.DatetimeIndex:
        """The bars and the trading day after the last one, if it is known."""
        following = self._header["next_session"]
        if following is None:
            return self.dates
        stamp = pd.DatetimeIndex(np.array([following], dtype="datetime64[ns]"))
        if self.dates.tz is not None:
            stamp = stamp.tz_localize("UTC").tz_convert(self.dates.tz)
        return pd.DatetimeIndex(self.dates.append(stamp))

    @property
    def symbols(self) -> list[Any]:
        """The symbols of the price frames."""
        return self._symbols[:]

    @property
    def delisted(self) -> pd.Series:
        """Delisting date by symbol, NaT where none is known."""
        stamps = pd.DatetimeIndex(self._array(self._header["delisted"]).view("datetime64[ns]"))
        if self.dates.tz is not None:
            stamps = stamps.tz_localize("UTC").tz_convert(self.dates.tz)
        return pd.Series(stamps, index=self._names)

    @property
    def _close(self) -> pd.DataFrame:
        return self.frame("raw_close")

    def keys(self) -> list[str]:
        """Return the keys that `get` answers."""
        return list(self._header["frames"])

    def frame(self, key: str) -> pd.DataFrame:
        """Return a frame over the mapped memory."""
        if key not in self._mapped:
            self._mapped[key] = self._build(self._header["frames"][key])
        return self._mapped[key]

    def _array(self, place: Mapping[str, Any]) -> np.ndarray:
        shape, dtype = tuple(place["shape"]), np.dtype(place["dtype"])
        count = int(np.prod(shape, dtype=np.int64))
        if not count:
            return np.empty(shape, dtype)
        return np.frombuffer(self._memory, dtype, count, self._start + place["at"]).reshape(shape)

    def _index(self, said: Mapping[str, Any]) -> pd.Index[Any]:
        if "labels" in said:
            labels: pd.Index[Any] = pd.Index(said["labels"])
            return labels
        index: pd.DatetimeIndex = pd.DatetimeIndex(self._array(said["stamps"]).view("datetime64[ns]"), copy=False)
        return index if said["tz"] is None else index.tz_localize("UTC").tz_convert(said["tz"])

    def _build(self, said: Mapping[str, Any]) -> pd.DataFrame:
        index = self._index(said["index"]) if "index" in said else self._dates
        columns = pd.Index(said["columns"]) if "columns" in said else self._names
        if "block" in said:
            return pd.DataFrame(self._array(said["block"]).T, index=index, columns=columns, copy=False)
        parts = {place: self._series(part) for place, part in enumerate(said["series"])}
        frame = pd.DataFrame(parts, index=pd.RangeIndex(len(index)))
        frame.index, frame.columns = index, columns
        return frame

    def _series(self, said: Mapping[str, Any]) -> object:
        if "index" in said:
            return pd.Series(self._index(said["index"]))
        if "values" in said:
            return self._array(said["values"])
        labels = np.array([*said["labels"], None], dtype=object)  # code -1 is the last: missing
        return pd.Series(labels[self._array(said["codes"])])


def open_payload(descriptor: int) -> MappedDataset:
    """Map a memory file; what is written into the mapping stays this process's own.

    Raises
    ------
    ValueError
        The file is not of this format.
    """
    if sys.platform == "win32":
        memory = mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)
    else:
        memory = mmap.mmap(descriptor, 0, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ)
    return _read(memory)


def _read(memory: mmap.mmap) -> MappedDataset:
    magic, length = _PREFIX.unpack_from(memory)
    if magic != MAGIC:
        raise ValueError("not a data payload")
    header = json.loads(memory[_PREFIX.size : _PREFIX.size + length])
    return MappedDataset(header, memory, _PREFIX.size + length)
