"""Checks of single fields of frozen dataclasses, used in ``__post_init__``: what, got, allowed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from outsample.errors import ConfigError, nearest

__all__ = [
    "Dates",
    "Rates",
    "as_offset",
    "as_resample",
    "as_timestamp",
    "check_choice",
    "naive",
    "set_bool",
    "set_number",
    "set_rates",
    "set_value",
    "set_whole",
]

# Rebalance dates that were given one by one.
Dates = tuple[pd.Timestamp, ...]
# Annual rates by date (ISO), where they change: a value that compares, and that JSON can hold.
Rates = tuple[tuple[str, float], ...]


def set_value(instance: object, name: str, value: object) -> None:
    """Replace a field of a frozen dataclass while it is being made."""
    object.__setattr__(instance, name, value)


def set_number(  # noqa: PLR0913 - one rule with its bounds
    instance: object,
    name: str,
    *,
    low: float,
    high: float,
    open_low: bool = False,
    optional: bool = False,
    hint: str = "",
) -> None:
    """Check that a field is a number within bounds and make it a float."""
    value = getattr(instance, name)
    if value is None and optional:
        return
    allowed = f"a number in {'(' if open_low else '['}{low:g}, {high:g}{')' if math.isinf(high) else ']'}"
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.number):
        raise ConfigError(f"{name} must be {allowed}. Got {value!r}.", hint=hint)
    number = float(value)
    if math.isnan(number) or number < low or number > high or (open_low and number == low) or math.isinf(number):
        raise ConfigError(f"{name} must be {allowed}. Got {value!r}.", hint=hint)
    set_value(instance, name, number + 0.0)


def set_rates(instance: object, name: str, *, low: float, high: float) -> None:
    """Check a field that is a number, or rates by date: a Series [date], or pairs of date and rate."""
    value = getattr(instance, name)
    if not isinstance(value, pd.Series | list | tuple):
        set_number(instance, name, low=low, high=high)
        return
    allowed = f"a number in [{low:g}, {high:g}], or a Series of such numbers with dates"
    try:
        pairs: list[tuple[Any, Any]] = list(value.dropna().items()) if isinstance(value, pd.Series) else list(value)
        dated = [(pd.Timestamp(date).tz_localize(None), float(rate)) for date, rate in pairs]
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{name} must be {allowed}. Got {value!r}.") from error
    numbers = isinstance(value, pd.Series) and not isinstance(value.index, pd.DatetimeIndex)
    if not dated or numbers or not all(low <= rate <= high for _, rate in dated):
        raise ConfigError(f"{name} must be {allowed}. Got {value!r}.")
    if len({date for date, _ in dated}) < len(dated):
        raise ConfigError(f"{name} has two rates for one date.", hint="Keep one rate per date.")
    kept: list[tuple[str, float]] = []
    for date, rate in sorted(dated):
        if not kept or kept[-1][1] != rate + 0.0:
            kept.append((date.isoformat(), rate + 0.0))
    set_value(instance, name, tuple(kept))


def set_whole(instance: object, name: str, *, low: int, hint: str = "") -> None:
    """Check that a field is a whole number and make it an int."""
    value = getattr(instance, name)
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not whole or int(value) < low:
        raise ConfigError(f"{name} must be a whole number >= {low}. Got {value!r}.", hint=hint)
    set_value(instance, name, int(value))


def set_bool(instance: object, name: str) -> None:
    """Check that a field is a bool."""
    value = getattr(instance, name)
    if not isinstance(value, bool | np.bool_):
        raise ConfigError(f"{name} must be True or False. Got {value!r}.")
    set_value(instance, name, bool(value))


def check_choice(name: str, value: object, allowed: Sequence[str]) -> None:
    """Check that a value is one of the allowed strings."""
    if value not in allowed:
        choices = ", ".join(repr(choice) for choice in allowed)
        raise ConfigError(f"{name} must be one of {choices}. Got {value!r}.", hint=nearest(str(value), allowed))


def as_timestamp(name: str, value: object) -> pd.Timestamp | None:
    """Return a date as a Timestamp in nanoseconds; None stays None."""
    if value is None:
        return None
    try:
        stamp = pd.Timestamp(value)  # type: ignore[arg-type]
    except (ValueError, TypeError) as error:
        raise ConfigError(f"{name} must be a date such as '2010-01-31'. Got {value!r}.") from error
    if not isinstance(stamp, pd.Timestamp):  # NaT
        raise ConfigError(f"{name} must be a date such as '2010-01-31'. Got {value!r}.")
    return stamp.as_unit("ns")


def as_offset(value: object) -> pd.Timedelta | None:
    """Return an offset as a Timedelta in nanoseconds; None stays None."""
    if value is None:
        return None
    try:
        offset = pd.Timedelta(value)  # type: ignore[arg-type]
    except (ValueError, TypeError) as error:
        raise ConfigError(f"resample_offset must be a Timedelta such as '5D'. Got {value!r}.") from error
    return offset.as_unit("ns")


def as_resample(value: object) -> str | Dates | None:
    """Return a frequency, or the dates of a list or of an index, sorted, each once."""
    if value is None or (isinstance(value, str) and value.strip()):
        return value.strip() if isinstance(value, str) else None
    if isinstance(value, pd.DataFrame | pd.Series):
        value = value.index
    if isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping):
        dates = [as_timestamp("resample", item) for item in value]
        return tuple(sorted({date for date in dates if date is not None}))
    raise ConfigError(f"resample must be a frequency such as 'ME', a list of dates, or None. Got {value!r}.")


def naive(stamp: pd.Timestamp) -> pd.Timestamp:
    """Return the local time of a moment, without its zone."""
    return stamp.tz_localize(None)
