"""Frames that are not built before pandas is asked for something.

To build a DataFrame takes 20 to 60 microseconds, most of them for labels that are known already. A `Parts` is
all that an operator needs of a frame: its numbers, and its two indexes. A frame that consists of them alone (see
`outsample.data.base.BaseFrame`) is one like any other: whatever pandas wants from it makes pandas build it. As
long as it is not built, nobody can have written to it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

__all__ = ["Parts", "bytes_of", "combinable", "kept_parts", "parts_of"]

Array = np.ndarray[Any, Any]
# Whole numbers up to here are what they are as float64 too.
_EXACT = 2**53


class Parts(NamedTuple):
    """What a frame is made of.

    Parameters
    ----------
    block : ndarray [symbol x date], C order
        Not writeable.
    dates, symbols : Index
    """

    block: Array
    dates: pd.Index[Any]
    symbols: pd.Index[Any]


def parts_of(frame: pd.DataFrame) -> Parts | None:
    """Return the parts of a frame that is not built; None of one that is."""
    light = vars(frame).get("_light")
    if light is None:
        return None
    parts: Parts = light[0]
    return parts


def bytes_of(frame: pd.DataFrame) -> int:
    """Return how much memory the numbers of a frame take; one that is not built stays so."""
    parts = parts_of(frame)
    return int(frame.to_numpy().nbytes if parts is None else parts.block.nbytes)


def kept_parts(frame: pd.DataFrame) -> Parts | None:
    """Return the parts of a frame that nobody writes to, where its numbers lie in one piece; None elsewhere."""
    values: Array = frame.to_numpy()
    again: Array = frame.to_numpy()
    gathered = values.__array_interface__["data"][0] != again.__array_interface__["data"][0]
    if gathered or values.dtype.kind not in "fiub" or not values.T.flags.c_contiguous:
        return None
    block = values.T
    block.flags.writeable = False
    return Parts(block, frame.index, frame.columns)


def combinable(mine: Parts, other: object) -> Array | float | None:
    """Return what an operator takes from another frame or number, if nothing has to be aligned; else None."""
    if isinstance(other, pd.DataFrame):
        its = parts_of(other)
        if its is None or not (mine.dates.is_(its.dates) and mine.symbols.is_(its.symbols)):
            return None
        return its.block
    if type(other) is float or (type(other) is int and -_EXACT <= other <= _EXACT):
        return other if mine.block.dtype == np.float64 else None
    return None
