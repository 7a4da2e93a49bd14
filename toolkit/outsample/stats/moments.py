"""Moments, the normal distribution and long-run covariances; what the rest of `outsample.stats` stands on."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np

from outsample.errors import ConfigError, DataInvalid

__all__ = [
    "check_bootstrap",
    "check_share",
    "default_lags",
    "long_run_covariance",
    "matrix",
    "normal_cdf",
    "normal_quantile",
    "sample",
    "shape_moments",
    "whole",
]

Array = np.ndarray
# A standard deviation below this share of the largest value is rounding, not variation.
ROUNDING = 1e-12


def sample(x: object, *, least: int = 1) -> Array:
    """Return a finite one-dimensional float array, or refuse.

    Raises
    ------
    DataInvalid
        Not one-dimensional, too short, or with NaN or infinities.
    """
    values = np.asarray(x, dtype=float)
    if values.ndim != 1 or len(values) < least:
        raise DataInvalid(f"A series of at least {least} numbers is needed. Got shape {values.shape}.")
    if not np.isfinite(values).all():
        raise DataInvalid("The series holds NaN or infinities.", hint="Drop or fill them first.")
    return values


def matrix(x: object, *, rows: int = 2, columns: int = 1) -> Array:
    """Return a finite table [period x trial], or refuse; a series is one column."""
    values = np.asarray(x, dtype=float)
    values = values[:, None] if values.ndim == 1 else values
    if values.ndim != 2 or values.shape[0] < rows or values.shape[1] < columns:
        raise DataInvalid(f"A table of at least {rows} x {columns} numbers is needed. Got shape {values.shape}.")
    if not np.isfinite(values).all():
        raise DataInvalid("The table holds NaN or infinities.", hint="Drop or fill them first.")
    return values


def whole(name: str, value: object, least: int) -> int:
    """Return a whole number of at least `least`, or refuse."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise ConfigError(f"{name} must be a whole number >= {least}. Got {value!r}.")
    return int(value)


def check_share(name: str, value: object, *, open_ends: bool = False) -> None:
    """Refuse what is no number in [0, 1], or in (0, 1)."""
    inside = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    if not inside or not (0.0 < value < 1.0 if open_ends else 0.0 <= value <= 1.0):  # type: ignore[operator]
        raise ConfigError(f"{name} must be a number in {'(0, 1)' if open_ends else '[0, 1]'}. Got {value!r}.")


def check_bootstrap(n_bootstrap: object, seed: object) -> None:
    """Refuse a number of replicates below 1, and a seed outside [0, 2^63)."""
    whole("n_bootstrap", n_bootstrap, 1)
    if whole("seed", seed, 0) >= 2**63:
        raise ConfigError(f"seed must be a whole number in [0, 2^63). Got {seed!r}.")


def shape_moments(x: Array) -> tuple[float, float]:
    """Return population skewness m3 / m2^(3/2) and raw kurtosis m4 / m2^2 (normal: 0 and 3); NaN without variance."""
    deviation = x - x.mean()
    spread = math.sqrt(float(np.mean(deviation**2)))
    if spread <= ROUNDING * float(np.abs(x).max()):
        return math.nan, math.nan
    scaled = deviation / spread
    squared = scaled * scaled  # a general power is many times slower than products
    return float(np.mean(squared * scaled)), float(np.mean(squared * squared))


def normal_cdf(z: float) -> float:
    """Return the probability that a standard normal is at most z."""
    return 0.5 * math.erfc(-z / math.sqrt(2.0))


def normal_quantile(p: float) -> float:
    """Return the quantile of the standard normal at p in (0, 1)."""
    if not 0.0 < p < 1.0:
        raise ConfigError(f"A probability must be in (0, 1). Got {p!r}.")
    return NormalDist().inv_cdf(p)


def default_lags(n: int) -> int:
    """Return Newey and West's (1994) rule of thumb, ceil(4 (n/100)^(2/9)), at most n - 1."""
    return min(math.ceil(4.0 * math.pow(n / 100.0, 2.0 / 9.0)), max(n - 1, 0))


def long_run_covariance(x: Array, lags: int) -> Array:
    """Return the long-run covariance [k x k] of the columns of x; Newey and West (1987).

    G_0 + sum_l (1 - l / (L + 1)) (G_l + G_l'), l = 1..L, with G_l the l-th autocovariance matrix (divided by n)
    and L = `lags`; the Bartlett weights keep it positive semi-definite.
    """
    deviation = x - x.mean(axis=0)
    n = len(deviation)
    total: Array = deviation.T @ deviation / n
    for lag in range(1, lags + 1):
        cross = deviation[lag:].T @ deviation[:-lag] / n
        total = total + (1.0 - lag / (lags + 1.0)) * (cross + cross.T)
    return total
