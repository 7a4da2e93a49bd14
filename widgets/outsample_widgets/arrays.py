"""Numbers on their way to the browser: one block of bytes, and where in it each array lies."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

__all__ = ["Layout", "milliseconds", "pack"]

Layout = dict[str, dict[str, object]]
# The types that have a typed array in JavaScript; everything else becomes float64.
_KINDS = {"<f8": "f8", "<f4": "f4", "<i4": "i4", "|u1": "u1"}


def milliseconds(dates: pd.Index) -> np.ndarray:
    """Return dates as milliseconds since 1970, by the clock of their own time zone.

    Parameters
    ----------
    dates : DatetimeIndex

    Returns
    -------
    ndarray of float64 [dates]
    """
    index = pd.DatetimeIndex(dates)
    return np.asarray(index.tz_localize(None).as_unit("ns").asi8 / 1e6)


def pack(arrays: Mapping[str, np.ndarray | pd.Series]) -> tuple[bytes, Layout]:
    """Put arrays one behind the other, each on a multiple of eight bytes.

    Parameters
    ----------
    arrays : mapping of name to array
        Of float64, float32, int32 or uint8; other numbers are sent as float64. NaN stays NaN.

    Returns
    -------
    data : bytes
    layout : mapping
        Name -> type ("f8", "f4", "i4", "u1"), first byte, number of values, shape.

    Examples
    --------
    >>> data, layout = pack({"a": np.arange(3.0), "b": np.array([1], dtype=np.uint8)})
    >>> len(data), layout["b"]["at"], layout["b"]["kind"]
    (32, 24, 'u1')
    """
    parts: list[bytes] = []
    layout: Layout = {}
    size = 0
    for name, values in arrays.items():
        array = np.ascontiguousarray(values)
        if array.dtype.str not in _KINDS:
            array = array.astype("<f8")
        layout[name] = {
            "kind": _KINDS[array.dtype.str],
            "at": size,
            "length": int(array.size),
            "shape": list(array.shape),
        }
        body = array.tobytes()
        body += bytes(-len(body) % 8)
        parts.append(body)
        size += len(body)
    return b"".join(parts), layout
