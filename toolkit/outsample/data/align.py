"""Binary operators between frames of different dates and symbols.

Dates: the union of both, each frame carried forward, cut to the later of the two starts. Symbols: the
intersection. A row of the result at t reads rows of both frames up to t.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from outsample.data.light import parts_of
from outsample.errors import ConfigError, DataInvalid

__all__ = ["ALL_OPERATORS", "align", "array_operator", "fitted", "floats", "same_labels", "truth"]

ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "truediv": np.true_divide,
}
COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
    "eq": np.equal,
    "ne": np.not_equal,
}
LOGIC: dict[str, Callable[[Any, Any], Any]] = {"and": np.logical_and, "or": np.logical_or, "xor": np.logical_xor}
# Left to pandas after alignment: it has its own rules for zero divisors and powers of one.
OTHERS = ("floordiv", "mod", "pow")
ALL_OPERATORS = (*ARITHMETIC, *COMPARISONS, *LOGIC, *OTHERS)
assert all(hasattr(operator, f"__{name}__") for name in ALL_OPERATORS)


def same_labels(left: pd.DataFrame, right: pd.DataFrame) -> bool:
    """Whether two frames share their index and column objects, so that nothing has to be compared."""
    return left.index.is_(right.index) and left.columns.is_(right.columns)


def align(left: pd.DataFrame, right: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Bring two frames to common dates and symbols.

    Parameters
    ----------
    left, right : DataFrame [date x symbol]
        Indexes sorted and unique.

    Returns
    -------
    tuple of DataFrame
        Both with the union of the dates from the later start on, last row carried forward, and the
        symbols that both have, in the order of `left`. NaN inside a row stays NaN.

    Raises
    ------
    DataInvalid
        An index that is unsorted or has duplicates, duplicate symbols, or one index with and one
        without a time zone.
    """
    if same_labels(left, right) or (left.index.equals(right.index) and left.columns.equals(right.columns)):
        return left, right
    for frame in (left, right):
        _check_axes(frame)
    dates = left.index
    if not left.index.equals(right.index):
        if getattr(left.index, "tz", None) != getattr(right.index, "tz", None):
            raise DataInvalid(
                f"Frames in different time zones cannot be combined: {left.index.dtype} and {right.index.dtype}.",
                hint="Bring both to one zone with tz_convert or tz_localize.",
            )
        dates = left.index.union(right.index)
        # A frame without rows has not started: on longer data it starts later, and nothing is there before.
        started = len(left.index) and len(right.index)
        dates = dates[dates >= max(left.index[0], right.index[0])] if started else dates[:0]
    symbols = left.columns[left.columns.isin(right.columns)]
    return _carried(left, dates, symbols), _carried(right, dates, symbols)


def _carried(frame: pd.DataFrame, dates: pd.Index[Any], symbols: pd.Index[Any]) -> pd.DataFrame:
    chosen = frame if frame.columns.equals(symbols) else frame.reindex(columns=symbols)
    return chosen if frame.index.equals(dates) else chosen.reindex(dates, method="ffill")


def _check_axes(frame: pd.DataFrame) -> None:
    if not (frame.index.is_monotonic_increasing and frame.index.is_unique):
        raise DataInvalid(
            "Frames are combined by date: their index must be sorted and without duplicates.",
            hint="Use frame.sort_index() and drop repeated dates first.",
        )
    if not frame.columns.is_unique:
        twice = frame.columns[frame.columns.duplicated()][0]
        raise DataInvalid(f"Frames are combined by symbol: {twice!r} occurs more than once.")


def array_operator(name: str, left: object, right: object) -> np.ndarray[Any, Any] | None:
    """Apply an operator to aligned arrays, or return None where pandas has rules of its own.

    Parameters
    ----------
    name : str
        Of `ALL_OPERATORS`.
    left, right : ndarray of one shape, or one of them a number
    """
    function, quiet = _function(name, _kind(left), _kind(right))
    result: np.ndarray[Any, Any]
    if function is None:
        return None
    if not quiet:
        result = function(left, right)
        return result
    with np.errstate(all="ignore"):
        result = function(left, right)
    return result


@functools.cache
def _function(name: str, left: str, right: str) -> tuple[Callable[[Any, Any], Any] | None, bool]:
    """The function for operands of two kinds, if there is one, and whether it has to be kept from warning."""
    kinds = {left, right}
    if name in COMPARISONS and kinds <= set("fiub"):
        return COMPARISONS[name], False
    if name in LOGIC and kinds == {"b"}:
        return LOGIC[name], False
    if name in ARITHMETIC and "f" in kinds and kinds <= set("fiu"):
        return ARITHMETIC[name], True
    return None, False


def _kind(operand: object) -> str:
    return operand.dtype.kind if isinstance(operand, np.ndarray) else np.dtype(type(operand)).kind


def truth(frame: pd.DataFrame) -> np.ndarray[Any, Any]:
    """Return a frame as bool, [symbol x date] in C order: NaN and None are False, numbers True unless 0."""
    parts = parts_of(frame)
    if parts is not None and parts.block.dtype.kind == "b":
        return parts.block
    values: np.ndarray[Any, Any] = frame.to_numpy()
    if values.dtype.kind != "b":
        if values.dtype.kind in "iufc":
            values = (values != 0) & ~np.isnan(values)
        else:
            missing = frame.isna().to_numpy()
            values = np.where(missing, False, values).astype(np.bool_)
    return np.ascontiguousarray(values.T)


def floats(frame: pd.DataFrame) -> np.ndarray[Any, Any]:
    """Return a frame as float64, [symbol x date] in C order; not a copy where pandas holds it so."""
    parts = parts_of(frame)
    if parts is not None and parts.block.dtype == np.float64:
        return parts.block
    values: np.ndarray[Any, Any] = frame.to_numpy()
    if values.dtype != np.float64:
        values = frame.astype(np.float64).to_numpy()
    return np.ascontiguousarray(values.T)


def fitted(other: pd.DataFrame, like: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return `other` on the dates (carried forward) and symbols (NaN where missing) of `like`.

    Raises
    ------
    ConfigError
        `other`, called `name`, is no DataFrame.
    DataInvalid
        Its labels cannot be used (see `align`).
    """
    if not isinstance(other, pd.DataFrame):
        raise ConfigError(f"{name} must be a DataFrame [date x symbol]. Got {type(other).__name__}.")
    if same_labels(like, other) or (like.index.equals(other.index) and like.columns.equals(other.columns)):
        return other
    align(like, other)  # for its checks of the labels
    return other.reindex(columns=like.columns).reindex(like.index, method="ffill")
