"""Numbers and dates as a person reads them. Values are fractions; percent exists only here."""

from __future__ import annotations

import math
import numbers

import pandas as pd

__all__ = ["count", "date", "date_time", "number", "percent", "ratio", "shown"]

MISSING = "–"


def _undefined(value: object) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value)) or value is pd.NaT


def percent(value: object, places: int = 2) -> str:
    """Return a fraction as percent.

    Examples
    --------
    >>> percent(0.1234), percent(None)
    ('12.34 %', '–')
    """
    if _undefined(value):
        return MISSING
    return f"{100 * float(value):,.{places}f} %"  # type: ignore[arg-type]


def ratio(value: object, places: int = 2) -> str:
    """Return a ratio with a fixed number of places."""
    if _undefined(value):
        return MISSING
    number = float(value)  # type: ignore[arg-type]
    return ("∞" if number > 0 else "−∞") if math.isinf(number) else f"{number:,.{places}f}"


def number(value: object) -> str:
    """Return a number with five significant digits."""
    if _undefined(value):
        return MISSING
    return f"{float(value):,.5g}"  # type: ignore[arg-type]


def count(value: object) -> str:
    """Return a whole number with thousands separated."""
    if _undefined(value):
        return MISSING
    return f"{round(float(value)):,}"  # type: ignore[arg-type]


def date(value: object) -> str:
    """Return a date, without a time of day if it is midnight."""
    if _undefined(value):
        return MISSING
    stamp = pd.Timestamp(value)  # type: ignore[arg-type]
    return stamp.strftime("%Y-%m-%d") if stamp == stamp.normalize() else stamp.strftime("%Y-%m-%d %H:%M")


def date_time(value: object) -> str:
    """Return a moment to the second."""
    return MISSING if _undefined(value) else pd.Timestamp(value).strftime("%Y-%m-%d %H:%M:%S")  # type: ignore[arg-type]


def shown(value: object) -> str:
    """Return any value of a table: dates, floats, whole numbers, text."""
    if _undefined(value):
        return MISSING
    if isinstance(value, pd.Timestamp):
        return date(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return number(value)
    if isinstance(value, numbers.Integral):
        return count(int(value))
    return str(value)
