"""Checks of single fields of frozen dataclasses, used in ``__post_init__``: what, got, allowed."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from outsample.errors import ConfigError, nearest

__all__ = ["check_choice", "set_bool", "set_number", "set_value", "set_whole"]


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
