"""Numbers and dates as a person reads them. Values are fractions; percent exists only here."""

from __future__ import annotations

import math
import numbers
import re

import pandas as pd

__all__ = ["count", "counted", "date", "date_time", "number", "percent", "ratio", "shown", "spaced"]

MISSING = "–"
# Nothing but zeros behind a minus: the sign would say that something was lost.
_NO_LOSS = re.compile(r"-(?=[0.]+$)")
_PERCENT = re.compile(r"(?<![\w.])(-?[\d,]*\.?\d+) ?%")


def _undefined(value: object) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value)) or value is pd.NaT


def percent(value: object, places: int = 2) -> str:
    """Return a fraction as percent.

    Examples
    --------
    >>> percent(0.1234), percent(-0.00001), percent(None)
    ('12.34 %', '0.00 %', '–')
    """
    if _undefined(value):
        return MISSING
    return f"{_NO_LOSS.sub('', f'{100 * float(value):,.{places}f}')} %"  # type: ignore[arg-type]


def spaced(text: str) -> str:
    """Return a sentence with its percents as `percent` writes them.

    What a run says of itself is part of its canonical text, and stays there as it is.

    Examples
    --------
    >>> spaced("total return after costs is -0.00%")
    'total return after costs is 0.00 %'
    """
    return _PERCENT.sub(lambda found: f"{_NO_LOSS.sub('', found[1])} %", text)


def ratio(value: object, places: int = 2) -> str:
    """Return a ratio with a fixed number of places."""
    if _undefined(value):
        return MISSING
    number = float(value)  # type: ignore[arg-type]
    return ("∞" if number > 0 else "−∞") if math.isinf(number) else _NO_LOSS.sub("", f"{number:,.{places}f}")


def number(value: object) -> str:
    """Return a number with five significant digits."""
    if _undefined(value):
        return MISSING
    return _NO_LOSS.sub("", f"{float(value):,.5g}")  # type: ignore[arg-type]


def count(value: object) -> str:
    """Return a whole number with thousands separated."""
    if _undefined(value):
        return MISSING
    return f"{round(float(value)):,}"  # type: ignore[arg-type]


def counted(value: int, singular: str, plural: str = "") -> str:
    """Return how many of something there are.

    Examples
    --------
    >>> counted(1, "warning"), counted(2, "warning"), counted(0, "entry", "entries")
    ('1 warning', '2 warnings', '0 entries')
    """
    return f"{count(value)} {singular if value == 1 else plural or f'{singular}s'}"


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
