"""What a submission may ask for: memory, time, and words from a list."""

from __future__ import annotations

import contextlib
import logging
import os

from outsample.errors import ConfigError

__all__ = ["memory_limit_mb", "one_of", "time_limit"]

_log = logging.getLogger(__name__)
_MEMORY_MB = 4096
_USUAL = (300, 14_400)  # seconds
_UNITS = {"": 1, "MB": 1, "MIB": 1, "M": 1, "GB": 1024, "GIB": 1024, "G": 1024}


def memory_limit_mb() -> int:
    """Return the memory a job may use, in MB: OUTSAMPLE_JOB_MEMORY_LIMIT ("4096", "4GB"), else 4096.

    Raises
    ------
    ConfigError
        It is no size.
    """
    text = os.environ.get("OUTSAMPLE_JOB_MEMORY_LIMIT", "").strip().upper() or str(_MEMORY_MB)
    number = text.rstrip("MGIB ")
    with contextlib.suppress(ValueError, KeyError):
        size = int(float(number) * _UNITS[text[len(number) :].strip()])
        if size > 0:
            return size
    raise ConfigError(f'OUTSAMPLE_JOB_MEMORY_LIMIT must be a size such as "4GB" or "512" (MB). Got {text!r}.')


def one_of(name: str, value: str, allowed: tuple[str, ...]) -> str:
    """Return a value that is one of those allowed, or raise ConfigError."""
    if value not in allowed:
        raise ConfigError(f"{name} must be one of {', '.join(map(repr, allowed))}. Got {value!r}.")
    return value


def time_limit(value: float) -> int:
    """Return the seconds that a job may take, whole; what is unusual is said.

    Raises
    ------
    ConfigError
        It is no number from 1 to 86400.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not 1 <= value <= 86_400:
        raise ConfigError(f"timeout must be a number of seconds in the range [1, 86400]. Got {value!r}.")
    if not _USUAL[0] <= value <= _USUAL[1]:
        _log.warning("A job with a time limit of %g s: limits are usually %d to %d s.", value, *_USUAL)
    return int(value)
