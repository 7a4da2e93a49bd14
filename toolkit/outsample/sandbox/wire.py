"""What a confined child answers: a small JSON header, then raw little-endian arrays.

::

    magic "OSR1" | u32 length of header | u64 length of body | header (JSON, UTF-8) | body

The body is the index (int64, nanoseconds since 1970, UTC) and then a table of values, row after row: bool as bits,
the first in the highest bit of the first byte, the last byte filled up; float64 as eight bytes. A batch is several
answers with one header and one index: "batch" says how many tables follow, "seconds" how long each took. The sender
is not trusted: every length is checked against what the header says and against a limit before anything is allocated
or read, every field against its type. No pickle and no library format stands between a child and its parent.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
import pandas as pd

from outsample.errors import ResultInvalid

__all__ = ["HINT", "Labels", "Message", "MessageReader", "encode_answer", "encode_batch", "packed"]

MAGIC = b"OSR1"
_PREFIX = struct.Struct("<4sIQ")
MAXIMUM_HEADER = 8 << 20
HINT = "Return a DataFrame of positions: dates down, symbols across, True/False or weights."


@dataclass(frozen=True, kw_only=True)
class Message:
    """Header and body as they came, and how many bytes the values may take when they are unpacked."""

    header: bytes
    body: bytearray
    limit: int

    @cached_property
    def said(self) -> dict[str, Any]:
        """What the header says; nothing of it is checked.

        Raises
        ------
        ResultInvalid
            It says nothing.
        """
        try:
            found = json.loads(self.header)
        except (ValueError, RecursionError) as error:
            raise ResultInvalid("What the sandbox sent back cannot be read.", hint=HINT) from error
        if not isinstance(found, dict):
            raise ResultInvalid(f"The result's header must be an object. Got {type(found).__name__}.", hint=HINT)
        return found


@dataclass(frozen=True, kw_only=True)
class Labels:
    """Dates and symbols of tables, as they are sent."""

    columns: Sequence[str | int]
    zone: str | None
    stamps: bytes

    @classmethod
    def of(cls, index: pd.Index, columns: pd.Index) -> Self:
        """Return the labels of a table with an index of dates and columns of str or int."""
        dates = pd.DatetimeIndex(index)
        return cls(
            columns=[name if isinstance(name, str) else int(name) for name in columns],
            zone=None if dates.tz is None else str(dates.tz),
            stamps=np.ascontiguousarray(dates.as_unit("ns").asi8, dtype="<i8").tobytes(),
        )


def encode_answer(header: Mapping[str, object], frame: pd.DataFrame | None = None) -> list[bytes]:
    """Return the buffers of one message.

    Parameters
    ----------
    header : mapping
        JSON values; "frame" is added.
    frame : DataFrame [date x symbol], bool or float64, optional
        DatetimeIndex, columns of str or int.
    """
    if frame is None:
        return _message(header, [])
    values = frame.to_numpy()
    return encode_batch(header, Labels.of(frame.index, frame.columns), values.dtype, [packed(values)])


def encode_batch(header: Mapping[str, object], labels: Labels, dtype: np.dtype, tables: Sequence[bytes]) -> list[bytes]:
    """Return the buffers of one message with several answers.

    Parameters
    ----------
    header : mapping
        As for `encode_answer`, of all of them.
    labels : Labels
    dtype : dtype
        bool or float64.
    tables : sequence of bytes
        The values of each answer (`packed`).
    """
    frame = {
        "rows": len(labels.stamps) // 8,
        "columns": labels.columns,
        "dtype": "bool" if dtype.kind == "b" else "float64",
        "tz": labels.zone,
    }
    return _message({**header, "batch": len(tables), "frame": frame}, [labels.stamps, b"".join(tables)])


def _message(header: Mapping[str, object], body: Sequence[bytes]) -> list[bytes]:
    text = json.dumps(header, ensure_ascii=True, allow_nan=False).encode()
    length = sum(map(len, body))
    return [_PREFIX.pack(MAGIC, len(text), length) + text, *body]


def packed(values: np.ndarray) -> bytes:
    """Return the values of a table row by row: bits, filled up to a whole byte, or float64."""
    return (np.packbits(values) if values.dtype == bool else values).tobytes()


class MessageReader:
    """Collects one message from pieces of any size, and refuses it as soon as it breaks a limit.

    Parameters
    ----------
    limit : int
        Largest body in bytes.
    rest : bytes
        What was read of it with the message before.
    """

    def __init__(self, limit: int, rest: bytes | bytearray = b"") -> None:
        self._limit = limit
        self._data = bytearray(rest)
        self._total = _PREFIX.size
        self._header = -1
        self.rest = bytearray()  # what came after the message

    def feed(self, piece: bytes) -> Message | None:
        """Add bytes; return the message once it is complete.

        Raises
        ------
        ResultInvalid
            Not this format, or larger than allowed.
        """
        self._data += piece
        if self._header < 0 and len(self._data) >= _PREFIX.size:
            magic, header, body = _PREFIX.unpack_from(self._data)
            if magic != MAGIC:
                raise ResultInvalid("What the sandbox sent back is not a result.", hint=HINT)
            if header > MAXIMUM_HEADER or body > self._limit:
                raise ResultInvalid(
                    f"The result is larger than allowed: {max(header, body):,} bytes, at most {self._limit:,}.",
                    hint="Positions have at most one row per date and one column per symbol of the data.",
                )
            self._header = header
            self._total = _PREFIX.size + header + body
        if self._header < 0 or len(self._data) < self._total:
            return None
        end = _PREFIX.size + self._header
        self.rest = self._data[self._total :]
        return Message(
            header=bytes(self._data[_PREFIX.size : end]), body=self._data[end : self._total], limit=self._limit
        )
